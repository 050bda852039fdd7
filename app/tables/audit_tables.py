"""Tables of audits: runs, epochs, scores, issues, metrics."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.tables.access_tables import Owned
from app.tables.dataset_tables import Dataset
from app.tables.feature_tables import FeatureSet
from app.tables.table_base import Base, Identified, Json, Leased, restrict_to
from models.catalogue.score_columns import FIGURES, LABELS, TABLE_COLUMNS


class AuditStatus(StrEnum):
    """Status of an audit."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunStatus(StrEnum):
    """Status of a run. A returned or swept run goes from `running` back to `queued`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class IssueKind(StrEnum):
    """Kinds of data issues other than a wrong label."""

    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    DUPLICATE_ACROSS_SPLITS = "duplicate_across_splits"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    OUTLIER = "outlier"
    BLANK = "blank"
    UNREADABLE = "unreadable"
    RARE_CLASS = "rare_class"
    DUPLICATE_BOX = "duplicate_box"
    OVERLAPPING_BOXES = "overlapping_boxes"
    CLIPPED_BOX = "clipped_box"
    TINY_BOX = "tiny_box"
    UNUSABLE_BOX = "unusable_box"
    PICTURE_WITHOUT_BOXES = "picture_without_boxes"


class Audit(Identified, Owned, Base):
    """One audit of one dataset with one frozen configuration."""

    __tablename__ = "audits"
    __table_args__ = (
        restrict_to("status", AuditStatus),
        Index("ix_audits_dataset_id_id", "dataset_id", "id"),
        Index("ix_audits_workspace_id_id", "workspace_id", "id"),
    )

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="RESTRICT"))
    name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=AuditStatus.QUEUED)
    configuration: Mapped[Json] = mapped_column(comment="as requested; a run holds what was chosen")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    error: Mapped[Json | None]
    provenance: Mapped[Json | None]
    summary: Mapped[Json | None] = mapped_column(comment="figures that need no truth")
    theory: Mapped[Json | None] = mapped_column(comment="the paper's bounds, with the truth that is known")
    files: Mapped[Json | None] = mapped_column(comment="name -> bytes and SHA-256 of the downloads")
    reported_truth_version: Mapped[int] = mapped_column(
        server_default="0", comment="truth that the metrics and files hold"
    )

    @property
    def is_rehearsal(self) -> bool:
        """Whether the audit ranks labels with planted errors."""
        return bool(self.configuration.get("rehearsal"))


class Run(Identified, Leased, Base):
    """One training on one device: the unit of claims, leases, checkpoints and resumption."""

    __tablename__ = "runs"
    __table_args__ = (
        restrict_to("status", RunStatus),
        UniqueConstraint("audit_id", "number"),
        Index("ix_runs_unfinished", "sent_at", postgresql_where=text("status IN ('queued', 'running')")),
    )

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(comment="0, 1, ... within the audit")
    parent_number: Mapped[int | None] = mapped_column(comment="the run whose network this one starts from")
    variant: Mapped[int | None] = mapped_column(
        comment="runs of one variant differ by their seed; null: trained to start others from"
    )
    status: Mapped[str] = mapped_column(server_default=RunStatus.QUEUED)
    queue: Mapped[str] = mapped_column(server_default="train", comment="that its messages go to")
    waiting: Mapped[Json | None] = mapped_column(comment="code and detail of why no worker takes it")
    encoder: Mapped[Json | None] = mapped_column(
        comment="name and digest of what makes its features, and why; null: not chosen yet"
    )
    feature_set_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(FeatureSet.id), index=True, comment="features that it trains on, and waits for"
    )
    request: Mapped[Json] = mapped_column(comment="what was asked of this run")
    configuration: Mapped[Json | None] = mapped_column(comment="what was chosen, every field")
    seed: Mapped[int] = mapped_column(BigInteger)
    device: Mapped[str | None]
    worker: Mapped[str | None] = mapped_column(comment="host and process")
    progress: Mapped[Json | None] = mapped_column(comment="stage, epoch, step, samples/s, ETA")
    result: Mapped[Json | None] = mapped_column(comment="what it came to, in figures")
    is_chosen: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="whether the scores are made from its signals"
    )
    remarks: Mapped[list[Json]] = mapped_column(
        JSONB, server_default="[]", comment="code and detail of what had to be changed for it"
    )
    error: Mapped[Json | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def method(self) -> str | None:
        """The chosen method, else the requested one; None: not chosen yet."""
        method: str | None = (self.configuration or self.request).get("method")
        return method


class RunEpoch(Base):
    """Measurements of one epoch of a run."""

    __tablename__ = "run_epochs"

    run_id: Mapped[UUID] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, comment="from 1")
    seconds: Mapped[float]
    learning_rate: Mapped[float]
    classifier_loss: Mapped[float | None]
    predictor_loss: Mapped[float | None]
    gradient_norm: Mapped[float | None] = mapped_column(comment="mean L2 norm of the predicted gradients")
    squared_gradient_norm: Mapped[float | None] = mapped_column(
        comment="mean of ||mu||^2, Proposition 1's L^2"
    )
    accuracy: Mapped[float | None] = mapped_column(comment="classifier, on given labels")
    predictor_accuracy: Mapped[float | None] = mapped_column(comment="on given labels")
    validation_accuracy: Mapped[float | None] = mapped_column(comment="on held-out given labels")
    true_accuracy: Mapped[float | None] = mapped_column(comment="classifier, on truth")
    predictor_true_accuracy: Mapped[float | None] = mapped_column(comment="on truth")
    validation_true_accuracy: Mapped[float | None] = mapped_column(
        comment="classifier, on the truth of what is held out"
    )
    in_sample_agreement: Mapped[float | None] = mapped_column(
        comment="with given labels, of networks that learn them"
    )
    out_of_sample_agreement: Mapped[float | None] = mapped_column(
        comment="with given labels, of networks blind to them"
    )
    in_sample_loss: Mapped[float | None] = mapped_column(
        comment="of given labels in nats, by networks that learn them"
    )
    out_of_sample_loss: Mapped[float | None] = mapped_column(
        comment="of given labels in nats, by networks blind to them"
    )
    out_of_sample_error: Mapped[float | None] = mapped_column(comment="standard error of out_of_sample_loss")


class Ranked:
    """The columns of a score, as `models.catalogue.score_columns` has them; high score = probably wrong."""

    if TYPE_CHECKING:  # columns that queries name; all columns are created below
        rank: Mapped[int]
        given_label: Mapped[int]
        distance: Mapped[float]
        suggested_label: Mapped[int]
        second_label: Mapped[int | None]
        score: Mapped[float | None]
        error_probability: Mapped[float | None]
        is_label_issue: Mapped[bool | None]

    @declared_attr
    @classmethod
    def audit_id(cls) -> Mapped[UUID]:
        """Return the audit's column."""
        return mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), primary_key=True)

    @declared_attr
    @classmethod
    def position(cls) -> Mapped[int]:
        """Return the sample's column."""
        return mapped_column(primary_key=True)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[UniqueConstraint | Index, ...]:
        """Serve keyset pages by rank, alone, within a class, and from a distance on."""
        table = cls.__tablename__  # type: ignore[attr-defined]
        return (
            UniqueConstraint("audit_id", "rank"),
            Index(f"ix_{table}_given_label", "audit_id", "given_label", "rank"),
            Index(f"ix_{table}_suggested_label", "audit_id", "suggested_label", "rank"),
            Index(f"ix_{table}_distance", "audit_id", "distance", "rank"),
        )


SQL_TYPES = {int: Integer, float: REAL, bool: Boolean}
for each in (*FIGURES.values(), *LABELS.values()):
    # mapped in the order of `TABLE_COLUMNS`
    column = mapped_column(
        SQL_TYPES[each.type],
        nullable=each.is_nullable,
        comment=each.facts.comment,
        sort_order=TABLE_COLUMNS.index(each.name) - len(TABLE_COLUMNS),
    )
    setattr(Ranked, each.name, column)


class Score(Ranked, Base):
    """The scores of one sample in a finished audit."""

    __tablename__ = "scores"


class ProvisionalScore(Ranked, Base):
    """The top of the ranking while the audit still trains."""

    __tablename__ = "provisional_scores"


class Issue(Base):
    """A data issue: a sample or class that a person should check for more than a wrong label."""

    __tablename__ = "issues"
    __table_args__ = (restrict_to("kind", IssueKind),)

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, comment="0, 1, ... within the kind")
    position: Mapped[int | None] = mapped_column(comment="null: of no sample, as what could not be read")
    key: Mapped[str] = mapped_column(comment="the sample's, or a class's name")
    given_label: Mapped[int | None]
    group_number: Mapped[int | None] = mapped_column(comment="duplicates: of one another, within the kind")
    score: Mapped[float | None] = mapped_column(comment="likeness, isolation or number of samples")
    detail: Mapped[str]


class AuditMetrics(Base):
    """ROC, PR and precision at k of an audit whose dataset has truth."""

    __tablename__ = "audit_metrics"

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), primary_key=True)
    document: Mapped[Json]
