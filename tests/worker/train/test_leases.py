"""Claims, leases and what becomes of work whose worker has gone."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, update

from app.audits import audit_service
from app.infra import leases
from app.infra.database import Database, send_after_commit
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Run, RunStatus
from tests import patience
from tests.builders.stored_rows import store_audit, store_ready_dataset
from worker.jobs.heartbeat import Cancelled, Heartbeat, LeaseLost, WorkerStopping
from worker.maintenance.sweep import sweep as sweep_with


def sweep(database: Database, chosen: Settings, *, waiting: int = 0) -> None:
    sweep_with(database, chosen, lambda _: waiting)


@pytest.fixture
def run(database: Database, storage: Storage) -> Run:
    audit = store_audit(database, store_ready_dataset(database, storage))
    with database.transaction() as session:
        return audit_service.list_runs(session, [audit.id])[audit.id][0]


def claim(database: Database, run: Run, *, lease_seconds: float = 5) -> Run | None:
    with database.transaction() as session:
        return leases.claim(session, Run, run.id, lease_seconds=lease_seconds, status=RunStatus.RUNNING)


def read(database: Database, run: Run) -> Run:
    with database.transaction() as session:
        return session.get_one(Run, run.id)


def lapse(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(Run).values(lease_until=func.now() - timedelta(seconds=1)))


def test_one_claim_wins(database: Database, run: Run) -> None:
    first, second = claim(database, run), claim(database, run)
    assert first is not None
    assert (first.attempt, first.status) == (1, RunStatus.RUNNING)
    assert second is None


def test_a_late_writer_is_fenced(database: Database, run: Run, chosen: Settings) -> None:
    claim(database, run)
    lapse(database)
    sweep(database, chosen)
    again = claim(database, run)
    assert again is not None
    assert again.attempt == 2
    with database.transaction() as session:
        assert not leases.update_held(session, Run, run.id, 1, device="the zombie's")
        assert leases.update_held(session, Run, run.id, 2, device="the holder's")
    assert read(database, run).device == "the holder's"


def test_the_sweeper_leaves_living_work_alone(database: Database, run: Run, chosen: Settings) -> None:
    claim(database, run)
    sweep(database, chosen)
    assert (read(database, run).status, read(database, run).lapses) == (RunStatus.RUNNING, 0)


def test_a_lapsed_run_is_queued_and_sent_again(
    database: Database, run: Run, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    claim(database, run)
    lapse(database)
    sent.clear()
    sweep(database, chosen)
    assert sent == [(Task.TRAIN, run.id)]
    assert (read(database, run).status, read(database, run).lapses) == (RunStatus.QUEUED, 1)


def test_a_run_that_lapses_too_often_fails_with_its_audit(
    database: Database, run: Run, chosen: Settings
) -> None:
    for _ in range(chosen.max_attempts):
        assert claim(database, run) is not None
        lapse(database)
        sweep(database, chosen)
    failed = read(database, run)
    assert failed.status == RunStatus.FAILED
    assert failed.error is not None
    assert "lost 3 times" in failed.error["detail"]
    with database.transaction() as session:
        assert session.get_one(Audit, run.audit_id).status == AuditStatus.FAILED
    assert claim(database, run) is None


def test_a_lapsed_ingestion_is_sent_again_and_rejected_in_the_end(
    database: Database, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    with database.transaction() as session:
        dataset = Dataset(name="x", options={}, status=DatasetStatus.INGESTING)
        session.add(dataset)
        session.flush()
    for lapses in range(1, chosen.max_attempts + 1):
        with database.transaction() as session:
            assert leases.claim(session, Dataset, dataset.id, lease_seconds=-1) is not None
        sent.clear()
        sweep(database, chosen)
        assert sent == ([(Task.INGEST, dataset.id)] if lapses < chosen.max_attempts else [])
    with database.transaction() as session:
        ended = session.get_one(Dataset, dataset.id)
    assert (ended.status, (ended.error or {})["code"]) == (DatasetStatus.REJECTED, "worker_lost")


def test_what_nobody_claimed_is_sent_again_after_a_while(
    database: Database, run: Run, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    sent.clear()
    sweep(database, chosen)
    assert sent == []
    with database.transaction() as session:
        late = func.now() - timedelta(seconds=chosen.resend_seconds + 1)
        session.execute(update(Run).values(sent_at=late))
    sweep(database, chosen)
    sweep(database, chosen)
    assert sent == [(Task.TRAIN, run.id)]


def overdue(database: Database, chosen: Settings) -> None:
    with database.transaction() as session:
        late = func.now() - timedelta(seconds=chosen.resend_seconds + 1)
        session.execute(update(Run).values(sent_at=late))


@pytest.mark.usefixtures("run")
def test_nothing_is_sent_twice_while_messages_wait_for_a_busy_worker(
    database: Database, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    overdue(database, chosen)
    sent.clear()
    sweep(database, chosen, waiting=1)
    assert sent == []


def test_a_run_whose_parent_still_trains_is_not_sent(
    database: Database, storage: Storage, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    audit = store_audit(database, store_ready_dataset(database, storage), initialise="ce")
    with database.transaction() as session:
        parent, child = audit_service.list_runs(session, [audit.id])[audit.id]
    claim(database, parent)
    overdue(database, chosen)
    sent.clear()
    sweep(database, chosen)
    assert sent == []
    with database.transaction() as session:
        done = {"status": RunStatus.SUCCEEDED, "lease_until": None}
        session.execute(update(Run).where(Run.id == parent.id).values(**done))
    sweep(database, chosen)
    assert sent == [(Task.TRAIN, child.id)]


def test_a_trained_audit_whose_finish_was_lost_is_finished(
    database: Database, run: Run, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    with database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.SUCCEEDED))
        session.execute(update(Audit).values(status=AuditStatus.RUNNING))
    sent.clear()
    sweep(database, chosen)
    assert sent == [(Task.FINISH, run.audit_id)]


def test_a_rollback_drops_its_messages(database: Database, run: Run, sent: list[tuple[Task, UUID]]) -> None:
    sent.clear()

    def fail() -> None:
        with database.transaction() as session:
            send_after_commit(session, Task.TRAIN, run.id)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert sent == []


def beating(database: Database, run: Run, chosen: Settings, *, cancelled: bool = False) -> Heartbeat[Run]:
    return Heartbeat(database, Run, run.id, 1, settings=chosen, is_cancelled=lambda _: cancelled)


def wait_for(heartbeat: Heartbeat[Run], seconds: float = 3) -> None:
    deadline = time.monotonic() + patience.scale(seconds)
    while time.monotonic() < deadline:
        heartbeat.check()
        time.sleep(0.01)


def test_a_heartbeat_renews_the_lease_and_writes_progress(
    database: Database, run: Run, chosen: Settings
) -> None:
    claimed = claim(database, run, lease_seconds=0.5)
    assert claimed is not None
    with beating(database, run, chosen) as heartbeat:
        heartbeat.progress = {"step": 7}
        wait_for(heartbeat, seconds=0.7)
    now = read(database, run)
    assert now.progress == {"step": 7}
    assert claimed.lease_until is not None
    assert now.lease_until is not None
    assert now.lease_until > claimed.lease_until


def test_a_heartbeat_notices_cancellation(database: Database, run: Run, chosen: Settings) -> None:
    claim(database, run)
    with beating(database, run, chosen, cancelled=True) as heartbeat, pytest.raises(Cancelled):
        wait_for(heartbeat)


def test_a_heartbeat_notices_a_lost_lease(database: Database, run: Run, chosen: Settings) -> None:
    claim(database, run)
    with database.transaction() as session:
        session.execute(update(Run).values(attempt=2))
    with beating(database, run, chosen) as heartbeat, pytest.raises(LeaseLost):
        wait_for(heartbeat)


def test_a_stopping_worker_hands_back(
    database: Database, run: Run, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(database, run)
    with beating(database, run, chosen) as heartbeat:
        heartbeat.check()
        monkeypatch.setattr("worker.jobs.heartbeat.stopping.is_set", lambda: True)
        with pytest.raises(WorkerStopping):
            heartbeat.check()
