"""Operations on audits: create, change status, cancel, delete; their runs."""

from collections.abc import Sequence
from pathlib import Path
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


def create(
    session: Session,
    dataset: Dataset,
    *,
    name: str | None,
    configuration: AuditConfiguration,
    queue: str = Queue.TRAIN,
    encoders_dir: Path | None = None,
) -> Audit:
    """Create an audit with its runs and send those that can start to a queue.

    Encoders that people added lie in `encoders_dir`.

    Raises:
        Invalid: no worker would train it, the rehearsal does not fit the dataset, or no runs can be planned.

    """
    plans = plan_runs(configuration)
    check_configuration(dataset, configuration, plans, devices=list_devices(queue), encoders_dir=encoders_dir)
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


def get(session: Session, audit_id: UUID, *, lock: bool = False, keep: bool = False) -> Audit:
    """Return an audit, optionally locked against changes (`lock`) or only against deletion (`keep`).

    Lock it before its runs, in the order of `cancel`, and keep it before rows are stored that name it.

    Raises:
        NotFound: the audit does not exist.

    """
    row_lock = {"read": True, "key_share": True} if keep else lock or None
    audit = session.get(Audit, audit_id, with_for_update=row_lock)
    if audit is None:
        raise NotFound(f"there is no audit {audit_id}")
    return audit


def get_succeeded(session: Session, audit_id: UUID, *, keep: bool = False) -> Audit:
    """Return an audit that has succeeded, optionally locked against deletion.

    Raises:
        NotFound: the audit does not exist.
        WrongState: the audit has not succeeded.

    """
    audit = get(session, audit_id, keep=keep)
    if audit.status != AuditStatus.SUCCEEDED:
        raise WrongState(f"this needs an audit that has succeeded, this one is {audit.status}")
    return audit


def get_score(session: Session, audit: Audit, position: int) -> Score:
    """Return a sample's score in an audit that has succeeded.

    Raises:
        NotFound: the sample has no score.

    """
    score = session.get(Score, (audit.id, position))
    if score is None:
        raise NotFound(f"audit {audit.id} has no score for position {position}")
    return score


def list_runs(session: Session, audit_ids: Sequence[UUID]) -> dict[UUID, list[Run]]:
    """Return the runs of audits, in order of their numbers."""
    runs: dict[UUID, list[Run]] = {audit_id: [] for audit_id in audit_ids}
    for run in session.scalars(select(Run).where(Run.audit_id.in_(audit_ids)).order_by(Run.number)):
        runs[run.audit_id].append(run)
    return runs


def find_provisional(session: Session, audit_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of these audits that have a provisional ranking."""
    statement = select(ProvisionalScore.audit_id).where(
        ProvisionalScore.audit_id.in_(audit_ids), ProvisionalScore.rank == 1
    )
    return set(session.scalars(statement))


def list_epochs(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, list[RunEpoch]]:
    """Return the epochs of runs, in order."""
    epochs: dict[UUID, list[RunEpoch]] = {run_id: [] for run_id in run_ids}
    statement = select(RunEpoch).where(RunEpoch.run_id.in_(run_ids)).order_by(RunEpoch.epoch)
    for epoch in session.scalars(statement):
        epochs[epoch.run_id].append(epoch)
    return epochs


def change_status(session: Session, audit_id: UUID, status: AuditStatus, **values: object) -> bool:
    """Change the status of an audit; the only function that does. False: it had already ended."""
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
    """Set the final status of a run and update its audit and its sibling runs."""
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
    else:
        _cancel_queued(session, run.audit_id, Run.parent_number == run.number)
        if status == RunStatus.CANCELLED or not _has_open_variant(session, run.audit_id):
            _end_audit(session, run, AuditStatus(status), error)
            return
    if session.scalars(_select_unfinished(run.audit_id)).first() is None:
        send_after_commit(session, Task.FINISH, run.audit_id)


def _start_children(session: Session, run: Run) -> None:
    children = select(Run.id).where(Run.audit_id == run.audit_id, Run.parent_number == run.number)
    for child_id in session.scalars(children):
        send_after_commit(session, Task.TRAIN, child_id, run.queue)


def _has_open_variant(session: Session, audit_id: UUID) -> bool:
    """Return whether all runs of some variant can still succeed.

    A diverging corner of a grid must not fail the other variants.
    """
    runs = session.execute(
        select(Run.variant, Run.status).where(Run.audit_id == audit_id, Run.variant.is_not(None))
    ).all()
    lost = {variant for variant, status in runs if status in {RunStatus.FAILED, RunStatus.CANCELLED}}
    return any(variant not in lost for variant, _ in runs)


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
    """Cancel an audit's queued runs and give the audit its final status."""
    _cancel_queued(session, run.audit_id)
    change_status(session, run.audit_id, status, error=error)


def cancel(session: Session, audit_id: UUID) -> Audit:
    """Cancel an audit: queued runs end at once, training runs within about a second.

    Cancelling a cancelled audit changes nothing.

    Raises:
        WrongState: the audit has already succeeded or failed.

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
        NotFound: the audit does not exist.
        WrongState: the audit has not ended.

    """
    audit = get(session, audit_id, lock=True)
    if audit.status not in TERMINAL:
        raise WrongState(
            f"only an audit that has ended can be deleted, this one is {audit.status}; cancel it"
        )
    session.execute(delete(Audit).where(Audit.id == audit_id))
