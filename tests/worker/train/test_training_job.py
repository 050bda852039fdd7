"""Training as a job: real training of small data, handed back, cancelled, failed."""

from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import pytest
import torch
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from torchvision.models import get_model

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    Run,
    RunEpoch,
    RunStatus,
    Score,
)
from models.training import loop
from models.training.remarks import Remark
from tests.worker.job_steps import count_rows, plan_audit, read_row, train_and_finish
from tests.worker.train.test_several_runs import REHEARSAL
from worker.finish.finishing_job import finish
from worker.jobs import heartbeat, signal_files
from worker.train import checkpoints
from worker.train.training_job import execute


def test_initialisation_trains_the_parent_first(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    audit, (parent, child) = plan_audit(database, digits, initialise="ce")
    execute(database, storage, chosen, child.id)
    assert read_row(database, Run, child.id).status == RunStatus.QUEUED
    execute(database, storage, chosen, parent.id)
    assert sent[-1] == (Task.TRAIN, child.id)
    execute(database, storage, chosen, child.id)
    assert sent[-1] == (Task.FINISH, audit.id)
    finish(database, storage, audit.id)
    done = read_row(database, Audit, audit.id)
    assert done.status == AuditStatus.SUCCEEDED
    assert [run["configuration"]["method"] for run in (done.provenance or {})["runs"]] == ["ce", "limit_g"]


def test_what_a_method_could_not_do_is_stored_with_its_run(
    database: Database,
    digits: Dataset,
    storage: Storage,
    *,
    chosen: Settings,
    api: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remark = Remark(code="classes_missing_from_batches", detail="a class is rare")
    monkeypatch.setattr(loop, "check_batches", lambda *_, **__: remark)
    audit, runs = plan_audit(database, digits, method="dmi", epochs=1)
    train_and_finish(database, storage, chosen, audit, runs)
    answer = api.get(f"/v1/audits/{audit.id}").json()
    assert [run["remarks"] for run in answer["runs"]] == [[], [asdict(remark)]]
    assert '<p class="note">Run 1: a class is rare.</p>' in api.get(f"/audits/{audit.id}").text


def test_a_cancelled_training_ends_as_cancelled(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, runs = plan_audit(database, digits, epochs=1000)
    with database.transaction() as session:
        session.execute(update(Audit).values(cancel_requested_at=func.now()))
    execute(database, storage, chosen, runs[0].id)
    assert read_row(database, Run, runs[0].id).status == RunStatus.CANCELLED
    assert read_row(database, Audit, audit.id).status == AuditStatus.CANCELLED


def test_a_run_handed_back_goes_on_with_the_same_numbers(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, (whole_run,) = plan_audit(database, digits, epochs=5)
    execute(database, storage, chosen, whole_run.id)
    audit, (run,) = plan_audit(database, digits, epochs=5)
    asked = iter([False] * 3)
    monkeypatch.setattr("worker.jobs.heartbeat.stopping.is_set", lambda: next(asked, True))
    execute(database, storage, chosen, run.id)
    back = read_row(database, Run, run.id)
    assert (back.status, back.lease_until) == (RunStatus.QUEUED, None)
    state = checkpoints.load(storage, storage.locate_run(audit.id, 0))
    assert state is not None
    assert 0 < state["step"] < 5 * 4
    monkeypatch.undo()
    execute(database, storage, chosen, run.id)
    assert read_row(database, Run, run.id).status == RunStatus.SUCCEEDED
    expected = signal_files.load(storage, storage.locate_run(whole.id, 0))
    found = signal_files.load(storage, storage.locate_run(audit.id, 0))
    assert all((expected[name] == found[name]).all() for name in expected)
    assert not (storage.locate_run(audit.id, 0) / checkpoints.CHECKPOINT).exists()


def test_a_checkpoint_of_another_version_starts_the_training_again(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, (run,) = plan_audit(database, digits, epochs=2)
    folder = storage.locate_run(audit.id, 0)
    folder.mkdir(parents=True)
    checkpoints.save(storage, folder, {"format": 1, "step": 7})
    execute(database, storage, chosen, run.id)
    assert read_row(database, Run, run.id).status == RunStatus.SUCCEEDED
    with database.transaction() as session:
        stored = session.scalars(select(RunEpoch.epoch).where(RunEpoch.run_id == run.id)).all()
    assert sorted(stored) == [1, 2]


def test_a_run_handed_back_at_an_epochs_end_lacks_no_epoch(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, (run,) = plan_audit(database, digits, epochs=3)
    original = heartbeat.Heartbeat.check

    def check(beating: heartbeat.Heartbeat[Run]) -> None:
        # The last step of epoch 2 has been reported: this call comes with its finished record.
        if beating.progress and (beating.progress["epoch"], beating.progress["step"]) == (2, 8):
            raise heartbeat.WorkerStopping
        original(beating)

    monkeypatch.setattr(heartbeat.Heartbeat, "check", check)
    execute(database, storage, chosen, run.id)
    monkeypatch.undo()
    assert read_row(database, Run, run.id).status == RunStatus.QUEUED
    execute(database, storage, chosen, run.id)
    with database.transaction() as session:
        stored = session.scalars(select(RunEpoch.epoch).where(RunEpoch.run_id == run.id)).all()
    assert sorted(stored) == [1, 2, 3]


def test_a_configuration_that_does_not_fit_fails_with_its_reason(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, runs = plan_audit(database, digits)
    with database.transaction() as session:  # a version before this one would have planned it
        session.execute(update(Run).values(request={"input_size": 40}))
    execute(database, storage, chosen, runs[0].id)
    failed = read_row(database, Audit, audit.id)
    assert failed.status == AuditStatus.FAILED
    assert failed.error is not None
    assert "expects an input_size of one of [28, 32], not 40" in failed.error["detail"]


def test_an_unexpected_error_fails_the_run_at_once_with_its_name(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit, runs = plan_audit(database, digits)

    def broken(*_: object, **__: object) -> None:
        raise TypeError("a programming error")

    monkeypatch.setattr("worker.train.training_job.train_on", broken)
    execute(database, storage, chosen, runs[0].id)
    failed = read_row(database, Audit, audit.id)
    assert failed.status == AuditStatus.FAILED
    assert failed.error == {"code": "TypeError", "detail": "a programming error"}


@pytest.mark.parametrize("method", ["fw", "dmi", "mae", "ce_gn", "soft_regularisation"])
def test_every_baseline_is_an_audit(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, method: str
) -> None:
    # Bounds need a noise rate. Nothing is claimed from labels that a network learned: here it is planted.
    audit, runs = plan_audit(database, digits, method=method, rehearsal=REHEARSAL)
    assert [run.request["method"] for run in runs] == (
        ["ce", method] if method in {"fw", "dmi"} else [method]
    )
    done = train_and_finish(database, storage, chosen, audit, runs)
    assert done.status == AuditStatus.SUCCEEDED, done.error
    assert done.theory is not None
    assert len(done.theory["runs"]) == len(runs)
    assert done.theory["noise_rate_is_known"]


def test_an_audit_that_fine_tunes_a_pretrained_network(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    network = get_model("resnet18", weights=None)
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    settings = chosen.model_copy(update={"backbones_dir": tmp_path})
    with database.transaction() as session:
        asked = {
            "seed": 0, "initialise": "none", "network": "pretrained_resnet18", "epochs": 1,
            "schedule": "constant", "learning_rate": 1e-9,
        }  # fmt: skip
        audit = audit_service.create(session, digits, name=None, configuration=AuditConfiguration.read(asked))
        runs = audit_service.list_runs(session, [audit.id])[audit.id]
    done = train_and_finish(database, storage, settings, audit, runs)
    assert (done.status, count_rows(database, Score)) == (AuditStatus.SUCCEEDED, 120)
    # With steps that small the weights are still those of the file.
    kept = checkpoints.load_network(storage, storage.locate_run(audit.id, 0))
    torch.testing.assert_close(kept["trunk.1.conv1.weight"], network.conv1.weight.data)
