"""The sweep: find lost messages and lost workers in the tables, and send the work again."""

from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, func, null, select, update
from sqlalchemy.orm import Session, aliased

from app.audits import audit_service, placement
from app.datasets import dataset_service, stored_consensus
from app.features import feature_service
from app.infra import counters, leases
from app.infra.database import Database, send_after_commit
from app.infra.leases import Work
from app.infra.queue import Queue, Task
from app.infra.settings import Settings
from app.maps import map_service
from app.tables import (
    Audit,
    AuditMap,
    AuditStatus,
    Dataset,
    DatasetStatus,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Json,
    MapStatus,
    Run,
    RunStatus,
    ShardStatus,
    TotalName,
)
from app.webhooks import webhook_service
from worker.features.lost_runs import end_lost_runs

log = structlog.get_logger()


def sweep(database: Database, settings: Settings, waiting: Callable[[str], int]) -> None:
    """Free lapsed leases, end work that lapsed too often, and send work again that no worker has claimed.

    `waiting` returns how many messages a queue holds. While it holds any, the workers are busy and no message
    is lost, so nothing is sent again.
    """
    with database.transaction() as session:  # before shards are locked: a run is locked before its features
        end_lost_runs(session)
    with database.transaction() as session:
        _end_lost_work(session, settings)
        session.flush()
        if waiting(Queue.CPU) == 0:
            _resend(session, Dataset, DatasetStatus.INGESTING, Task.INGEST, settings)
        if waiting(Queue.FINISH) == 0:
            _finish(session)
        if waiting(Queue.LIGHT) == 0:
            for delivery_id in webhook_service.list_due_deliveries(session):
                send_after_commit(session, Task.DELIVER, delivery_id)
            _resend(session, AuditMap, MapStatus.QUEUED, Task.MAP, settings)
        for queue in _list_queues(session):
            if waiting(queue) == 0:
                due = _can_start() & (Run.queue == queue)
                _resend(session, Run, RunStatus.QUEUED, Task.TRAIN, settings, due)
                wanted = feature_service.is_wanted() & (FeatureShard.queue == queue)
                _resend(session, FeatureShard, ShardStatus.QUEUED, Task.FEATURES, settings, wanted)


def _end_lost_work(session: Session, settings: Settings) -> None:
    """Free lapsed leases and end what lapsed too often; runs whose features failed end in the next sweep."""
    for dataset in _free_lapsed(session, Dataset, settings):
        dataset_service.change_status(
            session, dataset.id, DatasetStatus.REJECTED, error=_explain_loss(dataset)
        )
    for run in _free_lapsed(session, Run, settings):
        audit_service.end_run(session, run, RunStatus.FAILED, _explain_loss(run))
    for shard in _free_lapsed(session, FeatureShard, settings):
        feature_service.fail_shard(session, shard, _explain_loss(shard))
    for drawn in _free_lapsed(session, AuditMap, settings):
        map_service.fail(session, drawn.id, _explain_loss(drawn))


def _list_queues(session: Session) -> set[str]:
    """Return the queues of all work of training workers that waits."""
    shards = select(FeatureShard.queue).where(
        FeatureShard.status == ShardStatus.QUEUED, feature_service.is_wanted()
    )
    return {
        *session.scalars(select(Run.queue).where(_can_start()).distinct()),
        *session.scalars(shards.distinct()),
    }


def note_unserved(database: Database, settings: Settings, served: Callable[[], set[str]]) -> None:
    """Note on every waiting run whether no running worker serves its queue.

    `served` asks the workers, which takes seconds: it is only called if a run has waited longer than a sweep.
    """
    late = Run.sent_at < func.now() - timedelta(seconds=settings.sweep_seconds)
    with database.transaction() as session:
        queues = session.scalars(select(Run.queue).where(_require_parent(), late).distinct()).all()
    served_queues = served() if queues else set()
    with database.transaction() as session:
        for queue in queues:
            reason = null() if queue in served_queues else placement.explain_waiting(queue)
            note = update(Run).where(_require_parent(), late, Run.queue == queue).values(waiting=reason)
            session.execute(note.execution_options(synchronize_session=False))


def _free_lapsed(session: Session, table: type[Work], settings: Settings) -> list[Work]:
    """Free lapsed leases and return the rows that lapsed too often."""
    freed = leases.free_lapsed(session, table)
    if freed:
        counters.add(session, TotalName.LEASE_LOSSES, table.__tablename__, by=len(freed))
    for row in freed:
        log.warning("lease lapsed", table=table.__tablename__, id=str(row.id), lapses=row.lapses)
        # Due at once: the worker is gone.
        row.sent_at = func.now() - timedelta(seconds=settings.resend_seconds + 1)
    return [row for row in freed if row.lapses >= settings.max_attempts]


def _explain_loss(row: Dataset | Run | FeatureShard | AuditMap) -> Json:
    causes = "memory, a crash or a host that went away"
    detail = f"the worker was lost {row.lapses} times without progress ({causes}); see its log"
    return {"code": "worker_lost", "detail": detail}


def _resend(
    session: Session,
    table: type[Work],
    status: str,
    task: Task,
    settings: Settings,
    *conditions: ColumnElement[bool],
) -> None:
    waiting = (
        update(table)
        .where(
            table.status == status,
            table.lease_until.is_(None),
            table.sent_at < func.now() - timedelta(seconds=settings.resend_seconds),
            *conditions,
        )
        .values(sent_at=func.now())
        .returning(table)
        .execution_options(synchronize_session=False)
    )
    for row in session.scalars(waiting):
        log.info("sent again", task=task, id=str(row.id))
        send_after_commit(session, task, row.id, row.queue if isinstance(row, Run | FeatureShard) else None)


def _can_start() -> ColumnElement[bool]:
    """Return the condition that a run is queued and that what it waits for is there."""
    ready = select(FeatureSet.id).where(
        FeatureSet.id == Run.feature_set_id, FeatureSet.status == FeatureStatus.READY
    )
    return _require_parent() & (Run.feature_set_id.is_(None) | ready.exists())


def _require_parent() -> ColumnElement[bool]:
    parent = aliased(Run)
    succeeded = select(parent.id).where(
        parent.audit_id == Run.audit_id,
        parent.number == Run.parent_number,
        parent.status == RunStatus.SUCCEEDED,
    )
    return (Run.status == RunStatus.QUEUED) & (Run.parent_number.is_(None) | succeeded.exists())


def _finish(session: Session) -> None:
    run = aliased(Run)
    unfinished = (
        select(run.id).where(run.audit_id == Audit.id, run.status.in_(audit_service.UNFINISHED)).exists()
    )
    trained = select(Audit.id).where(Audit.status == AuditStatus.RUNNING, ~unfinished)
    for audit_id in session.scalars(trained):
        send_after_commit(session, Task.FINISH, audit_id)
    reported = (
        select(Audit.id)
        .join(Dataset, Dataset.id == Audit.dataset_id)
        .where(Audit.status == AuditStatus.SUCCEEDED, Audit.reported_truth_version != Dataset.truth_version)
    )
    for audit_id in session.scalars(reported):
        send_after_commit(session, Task.REPORT, audit_id)
    for dataset_id in session.scalars(stored_consensus.list_due()):
        send_after_commit(session, Task.CONSENSUS, dataset_id)
