"""The activity log: a row is written before each change and completed with the status of its answer."""

from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.infra.database import Database
from app.tables import Activity

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Act:
    """A change that is about to happen. Only paths and ids: no query, no body, no secrets."""

    actor: str
    action: str
    key_id: UUID | None = None
    objects: dict[str, str] = field(default_factory=dict)
    client: str | None = None
    request_id: str | None = None


def begin(session: Session, workspace_id: UUID, act: Act) -> UUID:
    """Record a change before it happens, so that none is missing; return the row's id."""
    row = Activity(workspace_id=workspace_id, **vars(act))
    session.add(row)
    session.flush()
    return row.id


def complete(database: Database, activity_id: UUID, status: int) -> None:
    """Add the status of the answer. A failure is only logged: the change itself has already happened."""
    statement = update(Activity).where(Activity.id == activity_id).values(status=status)
    try:
        with database.transaction() as session:
            session.execute(statement)
    except SQLAlchemyError as error:
        log.warning("activity not completed", activity=str(activity_id), status=status, error=str(error))


def list_activities(session: Session, *, before: UUID | None, limit: int) -> list[Activity]:
    """Return activities, newest first, before the given row."""
    statement = select(Activity).order_by(Activity.id.desc()).limit(limit)
    return list(session.scalars(statement if before is None else statement.where(Activity.id < before)))
