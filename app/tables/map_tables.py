"""Tables of maps: the samples of an audit as points in two dimensions, and samples that somebody selected."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.audit_tables import Audit
from app.tables.table_base import Base, Identified, Json, Leased, restrict_to


class MapStatus(StrEnum):
    """Status of a map; one that failed or was cancelled is computed again when somebody asks for it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AuditMap(Identified, Leased, Base):
    """The map of one audit: claimed and fenced as a run is."""

    __tablename__ = "audit_maps"
    __table_args__ = (restrict_to("status", MapStatus),)

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), unique=True)
    status: Mapped[str] = mapped_column(server_default=MapStatus.QUEUED)
    progress: Mapped[Json | None] = mapped_column(comment="stage and fraction")
    error: Mapped[Json | None]
    facts: Mapped[Json | None] = mapped_column(comment="what it was made from, how many points, seconds")
    file: Mapped[Json | None] = mapped_column(comment="path, bytes and SHA-256 of its points")
    finished_at: Mapped[datetime | None]


class Selection(Identified, Base):
    """Samples that somebody selected on a map, for the review."""

    __tablename__ = "selections"
    __table_args__ = (UniqueConstraint("audit_id", "sha256"),)

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(comment="of the positions: the same samples are stored once")
    positions: Mapped[list[int]] = mapped_column(ARRAY(Integer))
