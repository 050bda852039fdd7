"""Claims of work: one UPDATE claims a row, and every later write checks that the claim still holds."""

from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.tables import AuditMap, Dataset, DatasetStatus, FeatureShard, Run, RunStatus

Work = TypeVar("Work", Dataset, Run, FeatureShard, AuditMap)


def claim(
    session: Session,
    table: type[Work],
    identifier: UUID,
    *,
    lease_seconds: float,
    **changes: Any,  # noqa: ANN401
) -> Work | None:
    """Claim a waiting row without a holder and increment its attempt; None: the row cannot be claimed.

    Only `free_lapsed` frees, and counts, expired leases.
    """
    waiting = DatasetStatus.INGESTING if table is Dataset else RunStatus.QUEUED
    statement = (
        update(table)
        .where(table.id == identifier, table.status == waiting, table.lease_until.is_(None))
        .values(
            attempt=table.attempt + 1, lease_until=func.now() + timedelta(seconds=lease_seconds), **changes
        )
        .returning(table)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def update_held(
    session: Session,
    table: type[Work],
    identifier: UUID,
    attempt: int,
    **values: Any,  # noqa: ANN401
) -> bool:
    """Update a row that this attempt still holds; False: the lease was lost and nothing was written."""
    statement = (
        update(table)
        .where(table.id == identifier, table.attempt == attempt, table.lease_until.is_not(None))
        .values(**values)
        .execution_options(synchronize_session=False)
        .returning(table.id)
    )
    return session.execute(statement).first() is not None


def renew_lease(
    session: Session,
    table: type[Work],
    identifier: UUID,
    attempt: int,
    *,
    lease_seconds: float,
    **values: Any,  # noqa: ANN401
) -> bool:
    """Extend a lease and write progress in the same statement; False: the lease was lost."""
    lease_until = func.now() + timedelta(seconds=lease_seconds)
    return update_held(session, table, identifier, attempt, lease_until=lease_until, **values)


def free_lapsed(session: Session, table: type[Work]) -> list[Work]:
    """Free every row with an expired lease, count the lapse, and return these rows.

    A locked row (for example of a worker frozen in its transaction) is skipped until the next call.
    """
    working, waiting = (
        (DatasetStatus.INGESTING, DatasetStatus.INGESTING)
        if table is Dataset
        else (RunStatus.RUNNING, RunStatus.QUEUED)
    )
    lapsed = select(table.id).where(table.status == working, table.lease_until < func.now())
    statement = (
        update(table)
        .where(table.id.in_(lapsed.with_for_update(skip_locked=True)))
        .values(status=waiting, lease_until=None, lapses=table.lapses + 1)
        .returning(table)
    )
    return list(session.scalars(statement, execution_options={"populate_existing": True}))
