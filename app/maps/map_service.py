"""Operations on maps: start, cancel, find, end."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.database import send_after_commit
from app.infra.errors import NotFound, WrongState
from app.infra.queue import Task
from app.tables import Audit, AuditMap, Json, MapStatus

UNFINISHED = frozenset({MapStatus.QUEUED, MapStatus.RUNNING})


def find(session: Session, audit_id: UUID) -> AuditMap | None:
    """Return an audit's map; None: nobody has asked for it."""
    return session.scalars(select(AuditMap).where(AuditMap.audit_id == audit_id)).one_or_none()


def require_succeeded(session: Session, audit_id: UUID) -> AuditMap:
    """Return an audit's map that is computed.

    Raises:
        NotFound: it is not.

    """
    found = find(session, audit_id)
    if found is None or found.status != MapStatus.SUCCEEDED:
        state = "nobody has asked for it" if found is None else f"it is {found.status}"
        raise NotFound(f"this audit has no map yet: {state}; start it with PUT /v1/audits/{{id}}/map")
    return found


def require_map(session: Session, audit: Audit) -> AuditMap:
    """Return an audit's map; it is queued if nobody asked before, or if it failed or was cancelled.

    Raises:
        WrongState: the audit is a rehearsal, whose labels are planted.

    """
    if audit.is_rehearsal:
        raise WrongState("a rehearsal has no map: its labels are planted, and nothing in it is reviewed")
    new = insert(AuditMap).values(audit_id=audit.id).on_conflict_do_nothing().returning(AuditMap.id)
    created = session.scalars(new).one_or_none()
    again = (
        update(AuditMap)
        .where(AuditMap.audit_id == audit.id, AuditMap.status.in_([MapStatus.FAILED, MapStatus.CANCELLED]))
        .values(
            status=MapStatus.QUEUED,
            lapses=0,
            error=None,
            progress=None,
            lease_until=None,
            finished_at=None,
            sent_at=func.now(),
        )
        .returning(AuditMap.id)
        .execution_options(synchronize_session=False)
    )
    queued = created or session.scalars(again).one_or_none()
    if queued is not None:
        send_after_commit(session, Task.MAP, queued)
    statement = select(AuditMap).where(AuditMap.audit_id == audit.id)
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def cancel(session: Session, audit_id: UUID) -> None:
    """End a map that is not computed yet; its worker loses the lease and stops within about a second."""
    statement = update(AuditMap).where(AuditMap.audit_id == audit_id, AuditMap.status.in_(UNFINISHED))
    session.execute(
        statement.values(
            status=MapStatus.CANCELLED, lease_until=None, progress=None, finished_at=func.now()
        ).execution_options(synchronize_session=False)
    )
    session.expire_all()


def find_waiting(session: Session) -> UUID | None:
    """Return the map that waits longest and that nobody holds."""
    statement = select(AuditMap.id).where(AuditMap.status == MapStatus.QUEUED, AuditMap.lease_until.is_(None))
    return session.scalars(statement.order_by(AuditMap.sent_at, AuditMap.id).limit(1)).one_or_none()


def fail(session: Session, map_id: UUID, error: Json) -> None:
    """End a map as failed."""
    values = {"status": MapStatus.FAILED, "error": error, "lease_until": None, "finished_at": func.now()}
    session.execute(update(AuditMap).where(AuditMap.id == map_id).values(**values))
