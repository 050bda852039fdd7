"""One run on two processes by the worker: one process's numbers, through hand-back, loss and cancellation."""

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, update

from app.audits import audit_service
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset, Run, RunStatus
from models.acceleration.data_parallel import limit_processes
from models.configuration.training_config import TrainingConfig, resolve
from models.training.ranks import RankLost
from tests.rank_processes import find_rank_processes
from tests.worker.job_steps import plan_audit, read_row
from worker.jobs import heartbeat, signal_files
from worker.jobs.devices import choose
from worker.maintenance.sweep import sweep
from worker.train.training_job import execute

TOLERANCE = 1e-4
# At a usual learning rate Adam blows rounding up; see tests/models/acceleration/test_data_parallel.py.
STILL = {
    "learning_rate": 1e-7, "augmentation": "none", "dropout": 0.0, "validation_fraction": 0.1, "epochs": 4,
    "batch_size": 25, "precision": "fp32",
}  # fmt: skip
Signals = dict[str, Any]


@pytest.fixture
def together(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"devices": "cpu,cpu"})


@pytest.fixture
def expected(database: Database, digits: Dataset, storage: Storage, chosen: Settings) -> Signals:
    """Train on one process."""
    audit, (run,) = plan_audit(database, digits, **STILL)
    execute(database, storage, chosen, run.id)
    return dict(signal_files.load(storage, storage.locate_run(audit.id, 0)))


def assert_close(storage: Storage, run: Run, expected: Signals) -> None:
    found = signal_files.load(storage, storage.locate_run(run.audit_id, run.number))
    assert set(found) == set(expected)
    for name in ("distance_average", "distance_last", "margin", "loss", "given_label_probability"):
        assert np.allclose(found[name], expected[name], atol=TOLERANCE, rtol=TOLERANCE), name
    assert (found["top_labels_N3"][:, 0] == expected["top_labels_N3"][:, 0]).all()


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> None:
    """Do something once the training has reported so often."""
    seen = []
    check = heartbeat.Heartbeat.check

    def counted(self: heartbeat.Heartbeat[Run]) -> None:
        seen.append(1)
        if len(seen) == step:
            act()
        check(self)

    monkeypatch.setattr(heartbeat.Heartbeat, "check", counted)


def test_two_processes_leave_the_signals_of_one(
    database: Database, digits: Dataset, storage: Storage, together: Settings, expected: Signals
) -> None:
    _, (run,) = plan_audit(database, digits, **STILL)
    execute(database, storage, together, run.id)
    ended = read_row(database, Run, run.id)
    assert (ended.status, ended.error) == (RunStatus.SUCCEEDED, None)
    assert (ended.device or "").startswith("2 x CPU")
    assert_close(storage, ended, expected)
    assert find_rank_processes() == []


def test_a_run_of_two_processes_that_is_handed_back_goes_on_with_one(  # noqa: PLR0917 - fixtures
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    together: Settings,
    expected: Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, (run,) = plan_audit(database, digits, **STILL)
    with monkeypatch.context() as patch:
        stopping: list[bool] = []
        patch.setattr("worker.jobs.heartbeat.stopping.is_set", lambda: bool(stopping))
        at_step(patch, 3, lambda: stopping.append(True))
        execute(database, storage, together, run.id)
    assert read_row(database, Run, run.id).status == RunStatus.QUEUED
    assert find_rank_processes() == []
    execute(database, storage, chosen, run.id)
    assert_close(storage, read_row(database, Run, run.id), expected)


def test_a_killed_process_costs_an_attempt_and_not_the_run(  # noqa: PLR0917 - fixtures
    database: Database,
    digits: Dataset,
    storage: Storage,
    together: Settings,
    expected: Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, (run,) = plan_audit(database, digits, **STILL)

    def kill() -> None:
        for child in find_rank_processes():
            os.kill(child.pid, signal.SIGKILL)

    with monkeypatch.context() as patch:
        at_step(patch, 3, kill)
        with pytest.raises(RankLost, match="ended with code -9"):
            execute(database, storage, together, run.id)
    with database.transaction() as session:  # as time does
        session.execute(update(Run).where(Run.id == run.id).values(lease_until=func.now()))
    sweep(database, together, lambda _: 0)
    assert read_row(database, Run, run.id).status == RunStatus.QUEUED
    execute(database, storage, together, run.id)
    ended = read_row(database, Run, run.id)
    assert (ended.status, ended.attempt) == (RunStatus.SUCCEEDED, 2)
    assert_close(storage, ended, expected)


def test_cancelling_ends_all_processes(
    database: Database,
    digits: Dataset,
    storage: Storage,
    together: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit, (run,) = plan_audit(database, digits, **{**STILL, "epochs": 5_000})

    def cancel() -> None:
        with database.transaction() as session:
            audit_service.cancel(session, audit.id)

    at_step(monkeypatch, 2, cancel)
    execute(database, storage, together, run.id)
    assert read_row(database, Run, run.id).status == RunStatus.CANCELLED
    assert find_rank_processes() == []


@pytest.mark.parametrize(
    ("samples", "held_out", "batch", "most"), [(100, 0, 25, 25), (100, 0.03, 25, 3), (7, 0, 3, 2)]
)
def test_no_process_is_without_a_row(samples: int, held_out: float, batch: int, most: int) -> None:
    asked = {"validation_fraction": held_out, "batch_size": batch, "epochs": 1}
    config: TrainingConfig = resolve(asked, shape=(4,), sample_count=samples, class_count=2, device="cpu")
    assert limit_processes(config, samples) == most


def test_devices_are_those_named() -> None:
    assert choose("cuda:0, cuda:1") == ["cuda:0", "cuda:1"]
    assert choose("") == ["cpu"]
