"""Memory and disks that are too small, databases that go away: a smaller batch, waiting, a clear reason."""

import errno
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import torch
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app.audits import audit_service
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Run, RunStatus
from models.training import ranks
from tests.builders.stored_rows import store_audit, store_ready_dataset
from worker.finish import finishing_job, ranking_files
from worker.ingest.ingestion_job import ingest
from worker.jobs.waiting import PAUSE_SECONDS, is_disk_full
from worker.maintenance.sweep import sweep
from worker.train import checkpoints, progress_reporter, training_job

ROOM_BYTES = 20_000
SMALL = {"network": "mnist_cnn", "input_size": 28, "epochs": 2, "batch_size": 8, "method": "limit_g"}


@pytest.fixture
def run(database: Database, storage: Storage) -> Run:
    audit = store_audit(database, store_ready_dataset(database, storage, samples=24), **SMALL)
    with database.transaction() as session:
        return audit_service.list_runs(session, [audit.id])[audit.id][0]


def read(database: Database, run: Run) -> Run:
    with database.transaction() as session:
        return session.get_one(Run, run.id)


def test_a_full_disk_is_known_by_number_and_by_numpys_words() -> None:
    assert is_disk_full(OSError(errno.ENOSPC, "No space left on device"))
    assert is_disk_full(OSError("100000 requested and 7 written"))
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_disk_full(ValueError("1 requested and 0 written"))


def test_a_full_disk_is_known_behind_torchs_own_error() -> None:
    class Full(io.BytesIO):
        def write(self, content: Any) -> int:  # noqa: ANN401 - any buffer
            if self.tell() > ROOM_BYTES:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    with pytest.raises(RuntimeError) as raised:
        torch.save({str(at): torch.zeros(1_000) for at in range(20)}, Full())
    assert is_disk_full(raised.value)
    assert not is_disk_full(
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598")
    )


def failing(function: Callable[..., Any], *errors: BaseException) -> Callable[..., Any]:
    """Return a function that raises these errors first."""
    left = iter(errors)

    def call(*arguments: object, **named: object) -> object:
        for error in left:
            raise error
        return function(*arguments, **named)

    return call


def test_out_of_memory_is_answered_once_with_half_the_batch(
    database: Database,
    storage: Storage,
    chosen: Settings,
    run: Run,
    *,
    api: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    too_much = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    monkeypatch.setattr("worker.train.training_job.train_on", failing(ranks.train_on, too_much))
    training_job.execute(database, storage, chosen, run.id)
    done = read(database, run)
    assert done.status == RunStatus.SUCCEEDED, done.error
    assert (done.configuration or {})["batch_size"] == 4
    answer = api.get(f"/v1/audits/{run.audit_id}").json()["runs"][0]
    assert answer["remarks"][0]["code"] == "out_of_memory"
    assert (
        "a batch of 8 did not fit into the device's memory; trained with 4" in answer["remarks"][0]["detail"]
    )


def test_out_of_memory_again_fails_the_run_with_the_reason(
    database: Database, storage: Storage, chosen: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_much = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    monkeypatch.setattr("worker.train.training_job.train_on", failing(ranks.train_on, too_much, too_much))
    training_job.execute(database, storage, chosen, run.id)
    failed = read(database, run)
    assert failed.status == RunStatus.FAILED
    assert failed.error == {"code": "OutOfMemoryError", "detail": str(too_much)}
    assert len(failed.remarks) == 1


def test_a_full_disk_costs_a_checkpoint_and_no_run(
    database: Database, storage: Storage, chosen: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.waiting.PAUSE_SECONDS", 0.01)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(checkpoints, "save", failing(checkpoints.save, full))
    monkeypatch.setattr(checkpoints, "save_network", failing(checkpoints.save_network, full, full))
    training_job.execute(database, storage, chosen, run.id)
    assert read(database, run).status == RunStatus.SUCCEEDED


def test_a_database_that_restarts_costs_no_run(
    database: Database, storage: Storage, chosen: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PAUSE_SECONDS <= 2
    monkeypatch.setattr("worker.jobs.waiting.PAUSE_SECONDS", 0.01)
    away = OperationalError("UPDATE runs", {}, ConnectionError("terminating connection"))
    put_epoch = failing(progress_reporter._put_epoch, away, away)  # noqa: SLF001
    monkeypatch.setattr("worker.train.progress_reporter._put_epoch", put_epoch)
    monkeypatch.setattr("worker.train.training_job._end", failing(training_job._end, away))  # noqa: SLF001
    training_job.execute(database, storage, chosen, run.id)
    assert read(database, run).status == RunStatus.SUCCEEDED


def test_an_upload_waits_for_space_and_is_read_then(
    database: Database,
    storage: Storage,
    chosen: Settings,
    api: TestClient,
    *,
    sent: list[tuple[Task, UUID]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = b"a,b,label\n" + b"".join(b"%d,%d,%d\n" % (n, n * 7 % 5, n % 2) for n in range(20))
    dataset_id = UUID(api.post("/v1/datasets", json={"name": "a"}).json()["id"])
    api.put(f"/v1/datasets/{dataset_id}/files/rows.csv", content=rows)
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr("worker.ingest.ingestion_job.read_in_child", failing(lambda: None, full))
        ingest(database, storage, chosen, dataset_id)
    waiting = api.get(f"/v1/datasets/{dataset_id}").json()
    assert (waiting["status"], waiting["error"]["code"]) == ("ingesting", "disk_full")
    sent.clear()
    sweep(database, chosen.model_copy(update={"resend_seconds": 1e-6}), lambda _: 0)
    assert sent == [(Task.INGEST, dataset_id)]
    ingest(database, storage, chosen, dataset_id)
    with database.transaction() as session:
        ready = session.get_one(Dataset, dataset_id)
    assert (ready.status, ready.error, ready.sample_count) == (DatasetStatus.READY, None, 20)


def test_an_audit_waits_for_space_to_be_finished(
    database: Database, storage: Storage, chosen: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_job.execute(database, storage, chosen, run.id)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("worker.finish.ranking_files.write", failing(ranking_files.write, full))
    for status, code in ((AuditStatus.RUNNING, "disk_full"), (AuditStatus.SUCCEEDED, None)):
        finishing_job.finish(database, storage, run.audit_id)
        with database.transaction() as session:
            audit = session.get_one(Audit, run.audit_id)
        assert (audit.status, (audit.error or {}).get("code")) == (status, code)


def test_a_loss_that_is_no_number_ends_the_run_with_its_epoch(
    database: Database, storage: Storage, chosen: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.epoch_tally.EpochTally.sum_losses", lambda _: float("nan"))
    training_job.execute(database, storage, chosen, run.id)
    failed = read(database, run)
    assert failed.status == RunStatus.FAILED
    assert "diverged in epoch 1: the loss is no longer finite" in (failed.error or {})["detail"]
