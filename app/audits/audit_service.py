"""What the service does with audits: plan their runs, change their status, cancel, list, delete."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from app.audits.audit_configuration import AuditConfiguration
from app.audits.configuration_check import check_configuration
from app.audits.placement import list_devices
from app.audits.run_plans import RunPlan, plan_runs
from app.infra.database import send_after_commit
from app.infra.errors import NotFound, WrongState
from app.infra.queue import Queue, Task
from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    Json,
    ProvisionalScore,
    Run,
    RunEpoch,
    RunStatus,
    Score,
)
from app.webhooks import webhook_service

TERMINAL = frozenset({AuditStatus.SUCCEEDED, AuditStatus.FAILED, AuditStatus.CANCELLED})
UNFINISHED = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
TRAINING_SHARE = 0.98


def create(
    session: Session,
    dataset: Dataset,
    *,
    name: str | None,
    configuration: AuditConfiguration,
    queue: str = Queue.TRAIN,
) -> Audit:
    """Make an audit with its runs and send those that can start to a queue.

    Raises:
        Invalid: no worker would train it, the rehearsal does not fit what the dataset holds, or no runs
            answer it.

    """
    plans = plan_runs(configuration)
    check_configuration(dataset, configuration, plans, devices=list_devices(queue))
    audit = Audit(
        workspace_id=dataset.workspace_id,
        dataset_id=dataset.id,
        name=name or f"audit of {dataset.name}",
        configuration=configuration.document,
    )
    session.add(audit)
    session.flush()
    session.refresh(audit)
    runs = [_make_run(audit, queue, plan) for plan in plans]
    session.add_all(runs)
    session.flush()
    for run in runs:
        if run.parent_number is None:
            send_after_commit(session, Task.TRAIN, run.id, queue)
    return audit


def _make_run(audit: Audit, queue: str, plan: RunPlan) -> Run:
    return Run(
        audit_id=audit.id,
        queue=queue,
        number=plan.number,
        parent_number=plan.parent_number,
        variant=plan.variant,
        seed=plan.seed,
        request=plan.request.list_given(),
    )


def get(session: Session, audit_id: UUID, *, lock: bool = False) -> Audit:
    """Return an audit, locked against changes if asked; before any queued run, as `cancel` does.

    Raises:
        NotFound: no such audit.

    """
    audit = session.get(Audit, audit_id, with_for_update=lock or None)
    if audit is None:
        raise NotFound(f"there is no audit {audit_id}")
    return audit


def get_succeeded(session: Session, audit_id: UUID) -> Audit:
    """Return an audit that has a result.

    Raises:
        NotFound: no such audit.
        WrongState: it has not succeeded.

    """
    audit = get(session, audit_id)
    if audit.status != AuditStatus.SUCCEEDED:
        raise WrongState(f"this needs an audit that has succeeded, this one is {audit.status}")
    return audit


def get_score(session: Session, audit: Audit, position: int) -> Score:
    """Return a sample's score in an audit that has succeeded.

    Raises:
        NotFound: it has none.

    """
    found = session.get(Score, (audit.id, position))
    if found is None:
        raise NotFound(f"audit {audit.id} has no score for position {position}")
    return found


def list_audits(session: Session, *, before: UUID | None, limit: int, dataset_id: UUID | None) -> list[Audit]:
    """Return audits, newest first, created before the given one."""
    statement = select(Audit).order_by(Audit.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Audit.id < before)
    if dataset_id is not None:
        statement = statement.where(Audit.dataset_id == dataset_id)
    return list(session.scalars(statement))


def list_runs(session: Session, audit_ids: Sequence[UUID]) -> dict[UUID, list[Run]]:
    """Return the runs of audits, in order of their numbers."""
    found: dict[UUID, list[Run]] = {audit_id: [] for audit_id in audit_ids}
    for run in session.scalars(select(Run).where(Run.audit_id.in_(audit_ids)).order_by(Run.number)):
        found[run.audit_id].append(run)
    return found


def find_provisional(session: Session, audit_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these audits have a provisional ranking."""
    statement = select(ProvisionalScore.audit_id).where(
        ProvisionalScore.audit_id.in_(audit_ids), ProvisionalScore.rank == 1
    )
    return set(session.scalars(statement))


def list_epochs(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, list[RunEpoch]]:
    """Return the epochs of runs, in order."""
    found: dict[UUID, list[RunEpoch]] = {run_id: [] for run_id in run_ids}
    statement = select(RunEpoch).where(RunEpoch.run_id.in_(run_ids)).order_by(RunEpoch.epoch)
    for epoch in session.scalars(statement):
        found[epoch.run_id].append(epoch)
    return found


def change_status(session: Session, audit_id: UUID, status: AuditStatus, **values: object) -> bool:
    """Move an audit along its life; the one place that does. False: it had already ended."""
    if status in TERMINAL:
        values = {"finished_at": func.now(), **values}
        session.execute(delete(ProvisionalScore).where(ProvisionalScore.audit_id == audit_id))
    statement = (
        update(Audit)
        .where(Audit.id == audit_id, Audit.status.not_in(TERMINAL))
        .values(status=status, **values)
        .returning(Audit.id)
        .execution_options(synchronize_session=False)
    )
    has_changed = session.execute(statement).first() is not None
    if has_changed and status in TERMINAL:
        webhook_service.announce_end(session, audit_id)
    return has_changed


def end_run(session: Session, run: Run, status: RunStatus, error: Json | None = None) -> None:
    """Give a run its final status and carry the consequence to its audit and its siblings."""
    audit = get(session, run.audit_id, lock=True)
    session.refresh(audit)
    if status == RunStatus.SUCCEEDED and audit.cancel_requested_at is not None:
        status = RunStatus.CANCELLED
    session.execute(
        update(Run)
        .where(Run.id == run.id)
        .values(status=status, error=error, finished_at=func.now(), lease_until=None)
        .execution_options(synchronize_session=False)
    )
    if status == RunStatus.SUCCEEDED:
        _start_children(session, run)
    elif status == RunStatus.CANCELLED or not _others_can_answer(session, run):
        _end_audit(session, run, AuditStatus(status), error)
        return
    if session.scalars(_select_unfinished(run.audit_id)).first() is None:
        send_after_commit(session, Task.FINISH, run.audit_id)


def _start_children(session: Session, run: Run) -> None:
    children = select(Run.id).where(Run.audit_id == run.audit_id, Run.parent_number == run.number)
    for child_id in session.scalars(children):
        send_after_commit(session, Task.TRAIN, child_id, run.queue)


def _others_can_answer(session: Session, failed: Run) -> bool:
    """Drop what cannot start any more after a failure; return whether a whole variant may still succeed.

    A diverging corner of a grid must not cost the others.
    """
    _cancel_queued(session, failed.audit_id, Run.parent_number == failed.number)
    found = session.execute(
        select(Run.variant, Run.status).where(Run.audit_id == failed.audit_id, Run.variant.is_not(None))
    ).all()
    lost = {variant for variant, status in found if status in {RunStatus.FAILED, RunStatus.CANCELLED}}
    return any(variant not in lost for variant, _ in found)


def _select_unfinished(audit_id: UUID) -> Select[UUID]:
    return select(Run.id).where(Run.audit_id == audit_id, Run.status.in_(UNFINISHED))


def _cancel_queued(session: Session, audit_id: UUID, *conditions: ColumnElement[bool]) -> None:
    queued = update(Run).where(Run.audit_id == audit_id, Run.status == RunStatus.QUEUED, *conditions)
    session.execute(
        queued.values(status=RunStatus.CANCELLED, finished_at=func.now()).execution_options(
            synchronize_session=False
        )
    )


def _end_audit(session: Session, run: Run, status: AuditStatus, error: Json | None) -> None:
    """End a run's audit as the run ended, and what of it has not begun."""
    _cancel_queued(session, run.audit_id)
    change_status(session, run.audit_id, status, error=error)


def cancel(session: Session, audit_id: UUID) -> Audit:
    """Ask for an audit's end: what is queued ends at once, what is training within a second or so.

    Cancelling an audit that was cancelled before changes nothing.

    Raises:
        WrongState: it has already succeeded or failed.

    """
    audit = get(session, audit_id, lock=True)
    if audit.status in {AuditStatus.SUCCEEDED, AuditStatus.FAILED}:
        raise WrongState(f"only an audit that has not ended can be cancelled, this one has {audit.status}")
    if audit.cancel_requested_at is None:
        audit.cancel_requested_at = func.now()
    session.flush()
    _cancel_queued(session, audit_id)
    running = select(Run.id).where(Run.audit_id == audit_id, Run.status == RunStatus.RUNNING)
    if session.scalars(running).first() is None:
        change_status(session, audit_id, AuditStatus.CANCELLED)
    session.refresh(audit)
    return audit


def remove(session: Session, audit_id: UUID) -> None:
    """Delete an audit's rows; the caller deletes its files after the commit.

    Raises:
        NotFound: no such audit.
        WrongState: it has not ended.

    """
    audit = get(session, audit_id, lock=True)
    if audit.status not in TERMINAL:
        raise WrongState(
            f"only an audit that has ended can be deleted, this one is {audit.status}; cancel it"
        )
    session.execute(delete(Audit).where(Audit.id == audit_id))


def measure_fraction(audit: Audit, audit_runs: Sequence[Run]) -> float:
    """Return how much of an audit is done, in [0, 1]."""
    if audit.status == AuditStatus.SUCCEEDED:
        return 1.0
    done = sum(_measure_run_fraction(run.progress) if run.status in UNFINISHED else 1.0 for run in audit_runs)
    return TRAINING_SHARE * done / len(audit_runs)


def estimate_seconds(audit_runs: Sequence[Run]) -> float | None:
    """Return the seconds left of the runs that are training, None where nothing is known."""
    known = [
        run.progress["eta_seconds"] for run in audit_runs if run.status == RunStatus.RUNNING and run.progress
    ]
    return max((eta for eta in known if eta is not None), default=None)


def _measure_run_fraction(progress: dict[str, Any] | None) -> float:
    if not progress or not progress["steps"]:
        return 0.0
    return 1.0 if progress["stage"] == "scoring" else float(progress["step"] / progress["steps"])
