"""Tables of features: an encoder's output for every picture of a dataset, computed in shards."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.dataset_tables import Dataset
from app.tables.table_base import Base, Identified, Json, Leased, restrict_to


class FeatureStatus(StrEnum):
    """Status of a feature set; one that failed is computed again by the next audit that needs it."""

    COMPUTING = "computing"
    READY = "ready"
    FAILED = "failed"


class ShardStatus(StrEnum):
    """Status of a shard. A returned or swept shard goes from `running` back to `queued`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class FeatureSet(Identified, Base):
    """The features of one dataset by one encoder; all audits of the dataset share them."""

    __tablename__ = "feature_sets"
    __table_args__ = (
        restrict_to("status", FeatureStatus),
        UniqueConstraint("dataset_id", "encoder_sha256"),
    )

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"))
    encoder: Mapped[str] = mapped_column(comment="its name")
    encoder_sha256: Mapped[str] = mapped_column(comment="of its weights and preprocessing")
    width: Mapped[int] = mapped_column(comment="features of one sample")
    status: Mapped[str] = mapped_column(server_default=FeatureStatus.COMPUTING)
    error: Mapped[Json | None]
    finished_at: Mapped[datetime | None]


class FeatureShard(Identified, Leased, Base):
    """A range of positions whose features one worker computes: claimed and fenced as a run is."""

    __tablename__ = "feature_shards"
    __table_args__ = (
        restrict_to("status", ShardStatus),
        UniqueConstraint("set_id", "number"),
        CheckConstraint("start < stop", name="range"),
        Index(
            "ix_feature_shards_unfinished",
            "sent_at",
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
    )

    set_id: Mapped[UUID] = mapped_column(ForeignKey(FeatureSet.id, ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(comment="0, 1, ... within the set")
    start: Mapped[int] = mapped_column(comment="first position")
    stop: Mapped[int] = mapped_column(comment="position after the last")
    status: Mapped[str] = mapped_column(server_default=ShardStatus.QUEUED)
    queue: Mapped[str] = mapped_column(comment="that its messages go to")
    worker: Mapped[str | None] = mapped_column(comment="host and process")
    device: Mapped[str | None]
    progress: Mapped[Json | None] = mapped_column(comment="samples done, samples/s")
    sha256: Mapped[str | None] = mapped_column(comment="of its file, which is named by it")
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    report: Mapped[Json | None] = mapped_column(comment="seconds by stage, sources, versions")
    unreadable: Mapped[list[Json]] = mapped_column(
        JSONB, server_default="[]", comment="position, key and detail of originals that the pack replaced"
    )
    error: Mapped[Json | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
