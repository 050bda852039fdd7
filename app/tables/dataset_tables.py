"""Tables of datasets: files, uploads, samples, truth, problems."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.access_tables import Owned
from app.tables.table_base import Base, Identified, Json, Leased, restrict_to
from models.catalogue.kinds import KINDS


class DatasetStatus(StrEnum):
    """Status of a dataset. `ready` and `rejected` are final."""

    UPLOADING = "uploading"
    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"


class Dataset(Identified, Owned, Leased, Base):
    """A dataset; immutable when ready."""

    __tablename__ = "datasets"
    __table_args__ = (
        restrict_to("status", DatasetStatus),
        restrict_to("kind", KINDS),
        CheckConstraint("sample_count >= 0", name="sample_count"),
        Index("ix_datasets_workspace_id_id", "workspace_id", "id"),
        Index("ix_datasets_ingesting", "sent_at", postgresql_where=text("status = 'ingesting'")),
        Index("ix_datasets_parent_id", "parent_id"),
        Index("ix_datasets_root_id", "root_id"),
        Index("ix_datasets_view_of", "view_of", "view_class", unique=True),
        Index("ix_datasets_content_sketch", "content_sketch", postgresql_using="gin"),
    )

    name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=DatasetStatus.UPLOADING)
    options: Mapped[Json] = mapped_column(comment="how to read it, as requested")
    format: Mapped[str | None] = mapped_column(comment="as recognised")
    kind: Mapped[str | None]
    sample_count: Mapped[int | None]
    class_names: Mapped[list[str] | None] = mapped_column(
        comment="index = label; given and true names together"
    )
    shape: Mapped[list[int] | None] = mapped_column(
        JSONB, comment="[H, W, C] or [D] of one sample in the pack"
    )
    pack_sha256: Mapped[str | None] = mapped_column(comment="content address of the pack")
    statistics: Mapped[Json | None]
    problem_count: Mapped[int | None] = mapped_column(comment="may exceed the problems listed")
    truth_version: Mapped[int] = mapped_column(
        server_default="0", comment="raised whenever truth is attached"
    )
    probabilities: Mapped[Json | None] = mapped_column(
        comment="digest of the predictions that were attached; null: none"
    )
    own_columns: Mapped[list[Json]] = mapped_column(
        JSONB, server_default="[]", comment="people's own columns: name, kind, missing, source"
    )
    own_version: Mapped[int] = mapped_column(
        server_default="0", comment="raised whenever own columns are attached"
    )
    annotators: Mapped[Json | None] = mapped_column(
        comment="attached labels of several annotators: version, counts, file; null: none"
    )
    consensus: Mapped[Json | None] = mapped_column(comment="what was found out by them, and of which version")
    place: Mapped[Json | None] = mapped_column(
        comment="where its files lie: kind, url; null: they were uploaded"
    )
    place_check: Mapped[Json | None] = mapped_column(
        comment="what differed in the place when it was last compared, and when; null: never compared"
    )
    progress: Mapped[Json | None] = mapped_column(comment="samples read so far")
    error: Mapped[Json | None] = mapped_column(comment="code and sentence of a rejection")
    ready_at: Mapped[datetime | None]
    parent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("datasets.id", ondelete="SET NULL"), comment="the version that this one corrects"
    )
    root_id: Mapped[UUID | None] = mapped_column(
        comment="the first version, which may be deleted by now; null: it is the first itself"
    )
    version: Mapped[int] = mapped_column(server_default="1", comment="1, 2, ... within one root")
    origin: Mapped[Json | None] = mapped_column(
        comment="how it became a version of its parent, with the parent's name and what changed"
    )
    view_of: Mapped[UUID | None] = mapped_column(
        ForeignKey("datasets.id", ondelete="SET NULL"),
        comment="the dataset with label sets of which this tells one class; null: none, or deleted",
    )
    view_class: Mapped[str | None] = mapped_column(comment="the class that this view tells")
    relatives: Mapped[list[Json] | None] = mapped_column(
        JSONB, comment="datasets with the same samples, as found when it was read"
    )
    content_sketch: Mapped[list[int] | None] = mapped_column(
        ARRAY(BigInteger), comment="the smallest digests of its samples, by which relatives are found"
    )


class DatasetFile(Base):
    """One uploaded file of a dataset."""

    __tablename__ = "dataset_files"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    uploaded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Upload(Identified, Base):
    """A resumable upload (tus 1.0) of one file; its bytes are stored separately until it is complete."""

    __tablename__ = "uploads"
    __table_args__ = (CheckConstraint('"offset" BETWEEN 0 AND size', name="offset"),)

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(comment="of the file it will be")
    size: Mapped[int] = mapped_column(BigInteger, comment="bytes announced")
    offset: Mapped[int] = mapped_column(BigInteger, server_default="0", comment="bytes safely on disk")
    sha256: Mapped[str | None] = mapped_column(comment="announced, hexadecimal")
    complete: Mapped[bool] = mapped_column(comment="the dataset's last file: ingestion starts after it")
    note: Mapped[str] = mapped_column(comment="Upload-Metadata as it was sent")
    writer: Mapped[int] = mapped_column(server_default="0", comment="requests so far; fences a late one")
    expires_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(comment="when it became a file of the dataset")


class Removal(Base):
    """A folder or file to delete, after its rows; deletion is retried until it succeeds."""

    __tablename__ = "removals"

    folder: Mapped[str] = mapped_column(primary_key=True, comment="below the storage's own; or a file")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="before it somebody may still be reading"
    )


class Sample(Base):
    """One item of a dataset."""

    __tablename__ = "samples"
    __table_args__ = (
        Index("ix_samples_key", "dataset_id", "key"),
        Index("ix_samples_given_label", "dataset_id", "given_label", "position"),
    )

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(comment="file name or row id, for people")
    given_label: Mapped[int]
    split: Mapped[str | None]
    width: Mapped[int | None] = mapped_column(comment="pixels of the original")
    height: Mapped[int | None] = mapped_column(comment="pixels of the original")
    source_offset: Mapped[int | None] = mapped_column(BigInteger, comment="bytes into the uploaded file")
    source_length: Mapped[int | None] = mapped_column(BigInteger, comment="bytes stored there")
    source_method: Mapped[int | None] = mapped_column(comment="ZIP compression: 0 stored, 8 deflated")
    box_left: Mapped[float | None] = mapped_column(comment="pixels of the upright original; null: no box")
    box_top: Mapped[float | None] = mapped_column(comment="pixels of the upright original")
    box_width: Mapped[float | None] = mapped_column(comment="pixels of the upright original")
    box_height: Mapped[float | None] = mapped_column(comment="pixels of the upright original")
    picture: Mapped[int | None] = mapped_column(comment="number of the picture that the box lies in")


class Truth(Base):
    """The correct label of a sample, where known; never read by training."""

    __tablename__ = "truths"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Sample.dataset_id, Sample.position], ondelete="CASCADE"
        ),
    )

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    true_label: Mapped[int]


class OwnValues(Base):
    """The values of people's own columns for one sample; never read by training."""

    __tablename__ = "own_values"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[Json] = mapped_column(comment="value by column; a missing value has no entry")


class Problem(Base):
    """A sample that ingestion skipped, or a warning of ingestion."""

    __tablename__ = "problems"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, comment="order of discovery")
    key: Mapped[str]
    code: Mapped[str]
    detail: Mapped[str]
