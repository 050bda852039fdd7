"""Messages of a run go to the queue of the devices it asks for, and a run that nobody serves says so."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, update

from app.audits import audit_service
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_database
from app.tables import Dataset, Run, RunStatus
from tests.builders.stored_rows import store_ready_dataset
from worker.jobs.heartbeat import WorkerStopping
from worker.maintenance.sweep import note_unserved, sweep
from worker.train import training_job

Messages = list[tuple[Task, str | None]]
LARGE = {"device": "gpu", "device_memory_gb": 60, "initialise": "ce"}


@pytest.fixture
def messages() -> Messages:
    return []


@pytest.fixture
def database(database: Database, migrated_url: str, messages: Messages) -> Iterator[Database]:
    """Return a database whose messages tell their queue too."""

    def send(task: Task, _: UUID, queue: str | None = None, /) -> None:
        messages.append((task, queue))

    opened = Database(migrated_url, send, pool_size=6)
    yield opened
    opened.dispose()
    database.engine.dispose()


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage)


@pytest.fixture
def start(api: TestClient, database: Database, dataset: Dataset) -> Callable[..., Any]:
    def started(**configuration: object) -> Any:  # noqa: ANN401 - an answer
        api.app.dependency_overrides[provide_database] = lambda: database  # type: ignore[attr-defined]
        return api.post("/v1/audits", json={"dataset_id": str(dataset.id), "configuration": configuration})

    return started


def overdue(database: Database, chosen: Settings) -> None:
    late = func.now() - timedelta(seconds=chosen.resend_seconds + 1)
    with database.transaction() as session:
        session.execute(update(Run).values(sent_at=late))


def run_of(database: Database, audit_id: UUID, number: int) -> Run:
    with database.transaction() as session:
        return audit_service.list_runs(session, [audit_id])[audit_id][number]


def test_every_message_of_a_run_goes_to_its_queue(
    start: Callable[..., Any], database: Database, chosen: Settings, messages: Messages
) -> None:
    audit_id = UUID(start(**LARGE).json()["id"])
    assert messages == [(Task.TRAIN, "train.gpu.80")]
    overdue(database, chosen)
    asked: list[str] = []

    def count(queue: str) -> int:
        asked.append(queue)
        return 0

    sweep(database, chosen, count)
    assert asked == ["cpu", "finish", "light", "train.gpu.80"]
    assert messages == 2 * [(Task.TRAIN, "train.gpu.80")], "sent again to the same queue"
    with database.transaction() as session:
        audit_service.end_run(session, run_of(database, audit_id, 0), RunStatus.SUCCEEDED)
    assert messages[2:] == [(Task.TRAIN, "train.gpu.80")], "the run that starts from it"


def test_a_run_waits_in_its_own_queue_alone(
    start: Callable[..., Any], database: Database, chosen: Settings, messages: Messages
) -> None:
    start(device="gpu")
    start(device="cpu")
    overdue(database, chosen)
    messages.clear()
    sweep(database, chosen, lambda queue: int(queue == "train.gpu"))
    assert messages == [(Task.TRAIN, "train.cpu")], "the GPUs are busy, nothing of theirs is lost"


def test_a_run_that_no_worker_serves_says_so_until_one_does(
    start: Callable[..., Any], api: TestClient, database: Database, chosen: Settings
) -> None:
    path = f"/v1/audits/{start(device_memory_gb=60).json()['id']}"
    note_unserved(database, chosen, lambda: pytest.fail("nothing has waited yet: nobody is asked"))
    overdue(database, chosen)
    note_unserved(database, chosen, lambda: {"cpu", "train", "train.gpu"})
    (run,) = api.get(path).json()["runs"]
    assert (run["status"], run["waiting"]["code"]) == ("queued", "no_worker")
    assert "a GPU and 80 GB or more" in run["waiting"]["detail"]
    note_unserved(database, chosen, lambda: {"train.gpu.80"})
    assert api.get(path).json()["runs"][0]["waiting"] is None


def test_a_claim_ends_the_waiting(
    start: Callable[..., Any], database: Database, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_id = UUID(start().json()["id"])
    overdue(database, chosen)
    note_unserved(database, chosen, set)
    run = run_of(database, audit_id, 0)
    assert run.waiting is not None
    monkeypatch.setattr(training_job, "_train_and_store", lambda *_: None)
    training_job.execute(database, Storage(chosen.storage_dir), chosen, run.id)
    assert run_of(database, audit_id, 0).waiting is None


def test_a_run_that_is_handed_back_is_sent_to_its_queue_at_once(
    start: Callable[..., Any], database: Database, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_id = UUID(start(device="cpu").json()["id"])
    messages: Messages = []
    monkeypatch.setattr(database, "_send", lambda task, _, queue: messages.append((task, queue)))
    monkeypatch.setattr(training_job, "_train_and_store", raising(WorkerStopping))
    training_job.execute(database, Storage(chosen.storage_dir), chosen, run_of(database, audit_id, 0).id)
    back = run_of(database, audit_id, 0)
    assert (back.status, back.lease_until, back.lapses) == (RunStatus.QUEUED, None, 0)
    assert messages == [(Task.TRAIN, "train.cpu")]


def raising(error: type[Exception]) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_an_audit_that_no_queue_can_serve_is_refused(start: Callable[..., Any]) -> None:
    answer = start(device_memory_gb=1000)
    assert answer.status_code == 422
    assert "at most 140" in answer.json()["detail"]
