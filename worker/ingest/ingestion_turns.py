"""Whose upload is read next: every workspace has its turn, however many uploads another one has waiting."""

from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.infra import leases
from app.infra.settings import Settings
from app.tables import Dataset, DatasetStatus, Workspace

TURN = 0x6C69_6D69
"""The number of the lock under which a turn is chosen and taken."""


def claim_next(session: Session, settings: Settings) -> Dataset | None:
    """Claim the dataset whose turn it is; None: there is none, or each workspace that waits has its share.

    Places wait for each other, so that slow servers never hold every reader. First come the workspaces
    of which fewest uploads are being read, then those whose last turn is longest ago, then the older upload.
    """
    session.execute(select(func.pg_advisory_xact_lock(TURN)))
    other = aliased(Dataset)
    of_workspace = select(func.count()).where(
        other.workspace_id == Dataset.workspace_id, other.lease_until.is_not(None)
    )
    under_way = of_workspace.correlate(Dataset).scalar_subquery()
    of_places = (
        select(func.count())
        .where(other.place.is_not(None), other.status == DatasetStatus.INGESTING)
        .where(other.lease_until.is_not(None))
        .scalar_subquery()
    )
    waiting = (
        select(Dataset.id, Dataset.workspace_id)
        .join(Workspace, Workspace.id == Dataset.workspace_id)
        .where(
            Dataset.status == DatasetStatus.INGESTING,
            Dataset.lease_until.is_(None),
            under_way < settings.ingestions_per_workspace,
            or_(Dataset.place.is_(None), of_places < settings.ingestions_of_places),
        )
        .order_by(under_way, Workspace.reading_turn_at.nulls_first(), Dataset.id)
        .limit(1)
    )
    chosen = session.execute(waiting).one_or_none()
    if chosen is None:
        return None
    now = func.clock_timestamp()
    session.execute(update(Workspace).where(Workspace.id == chosen.workspace_id).values(reading_turn_at=now))
    return leases.claim(session, Dataset, chosen.id, lease_seconds=settings.lease_seconds)


def find_waiting(session: Session, workspace_id: UUID) -> UUID | None:
    """Return an upload of a workspace that waits to be read."""
    waits = (Dataset.status == DatasetStatus.INGESTING) & Dataset.lease_until.is_(None)
    oldest = select(Dataset.id).where(waits, Dataset.workspace_id == workspace_id).order_by(Dataset.id)
    return session.scalar(oldest.limit(1))


def find_waiting_place(session: Session) -> UUID | None:
    """Return a place of any workspace that waits to be read."""
    waits = (Dataset.status == DatasetStatus.INGESTING) & Dataset.lease_until.is_(None)
    oldest = select(Dataset.id).where(waits, Dataset.place.is_not(None)).order_by(Dataset.id)
    return session.scalar(oldest.limit(1))
