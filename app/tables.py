"""The tables. `position` 0..N-1 identifies a sample; labels are indices into the dataset's class names."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Gives every constraint a name that a migration can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        str: Text,
        datetime: DateTime(timezone=True),
        Json: JSONB,
        list[str]: JSONB,
        float: REAL,
    }


class DatasetStatus(StrEnum):
    """Life of a dataset. `ready` and `rejected` are final."""

    UPLOADING = "uploading"
    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"


class AuditStatus(StrEnum):
    """Life of an audit."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunStatus(StrEnum):
    """Life of a run. A run handed back or swept goes from `running` to `queued` again."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class IssueKind(StrEnum):
    """What can be the matter with data beside a wrong label."""

    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    DUPLICATE_ACROSS_SPLITS = "duplicate_across_splits"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    OUTLIER = "outlier"
    BLANK = "blank"
    UNREADABLE = "unreadable"
    RARE_CLASS = "rare_class"


class Scope(StrEnum):
    """What a key may do; each includes the one before."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Verdict(StrEnum):
    """What a person says of a sample's given label."""

    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"
    UNSURE = "unsure"


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Return the constraint that holds a column to an enum's values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Identified:
    """A UUIDv7 (RFC 9562) made by PostgreSQL: ids sort by creation."""

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Leased:
    """Work that one worker at a time holds: claimed by one UPDATE, renewed and fenced by attempt."""

    attempt: Mapped[int] = mapped_column(server_default="0", comment="claims so far; fences late writers")
    lapses: Mapped[int] = mapped_column(
        server_default="0", comment="leases that ran out; bounded by max_attempts"
    )
    lease_until: Mapped[datetime | None] = mapped_column(comment="null: nobody holds it")
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="when it was last queued")


class Workspace(Identified, Base):
    """What keys open: a key sees the objects of its workspace and no others."""

    __tablename__ = "workspaces"

    name: Mapped[str] = mapped_column(unique=True)


# Made by the migration: holds what was stored before there were workspaces, and serves without keys.
DEFAULT_WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")


class Owned:
    """What belongs to a workspace; `app.workspaces` keeps it from the sessions of others."""

    @declared_attr
    @classmethod
    def workspace_id(cls) -> Mapped[UUID]:
        """Return the owner's column."""
        return mapped_column(
            ForeignKey(Workspace.id, ondelete="RESTRICT"), server_default=text(f"'{DEFAULT_WORKSPACE}'")
        )


class ApiKey(Identified, Base):
    """A bearer key. Only its SHA-256 is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (one_of("scope", Scope),)

    workspace_id: Mapped[UUID] = mapped_column(
        ForeignKey(Workspace.id, ondelete="RESTRICT"), server_default=text(f"'{DEFAULT_WORKSPACE}'")
    )
    name: Mapped[str]
    scope: Mapped[str]
    hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256 of the key")
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Activity(Identified, Owned, Base):
    """Somebody's change, or attempt at one: who, what, when, and how it was answered."""

    __tablename__ = "activities"
    __table_args__ = (
        Index("ix_activities_workspace_id_id", "workspace_id", "id"),
        Index("ix_activities_created_at", "created_at"),
    )

    actor: Mapped[str] = mapped_column(comment="name of the key, or local")
    key_id: Mapped[UUID | None] = mapped_column(comment="null: no key was asked for")
    action: Mapped[str] = mapped_column(comment="method and route, or command")
    objects: Mapped[Json] = mapped_column(comment="ids in the path")
    client: Mapped[str | None] = mapped_column(comment="address it came from")
    request_id: Mapped[str | None]
    status: Mapped[int | None] = mapped_column(comment="of the answer; null: the process ended before it")


class Totalled(StrEnum):
    """What is counted for good."""

    LEASE_LOSSES = "lease_losses"
    INGEST_FAILURES = "ingest_failures"


class Total(Base):
    """A count that only grows; rows may be deleted, it stays."""

    __tablename__ = "totals"

    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, comment="table of the lease, code of the rejection")
    value: Mapped[int] = mapped_column(BigInteger)


class Login(Identified, Base):
    """A browser that showed a key: it carries a cookie instead, which is good for as long as the key is."""

    __tablename__ = "logins"

    key_id: Mapped[UUID] = mapped_column(ForeignKey(ApiKey.id, ondelete="CASCADE"), index=True)
    hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256 of the cookie")
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Dataset(Identified, Owned, Leased, Base):
    """An upload; immutable once ready."""

    __tablename__ = "datasets"
    __table_args__ = (
        one_of("status", DatasetStatus),
        CheckConstraint("kind IN ('images', 'features')", name="kind"),
        CheckConstraint("sample_count >= 0", name="sample_count"),
        Index("ix_datasets_workspace_id_id", "workspace_id", "id"),
        Index("ix_datasets_ingesting", "sent_at", postgresql_where=text("status = 'ingesting'")),
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
    progress: Mapped[Json | None] = mapped_column(comment="samples read so far")
    error: Mapped[Json | None] = mapped_column(comment="code and sentence of a rejection")
    ready_at: Mapped[datetime | None]


class IdempotentAnswer(Owned, Base):
    """What a POST with an Idempotency-Key was answered; a repetition gets it again."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (PrimaryKeyConstraint("workspace_id", "key"),)

    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(comment="SHA-256 of all that the request said")
    status: Mapped[int | None] = mapped_column(comment="null only within the transaction that does the work")
    headers: Mapped[Json | None]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class Removal(Base):
    """A folder whose rows are deleted and whose files are to be; it is removed until it is gone."""

    __tablename__ = "removals"

    folder: Mapped[str] = mapped_column(primary_key=True, comment="below the storage's own; or a file")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="before it somebody may still be reading"
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
    """A resumable upload (tus 1.0) of one file; its bytes are kept apart until it is whole."""

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


class Truth(Base):
    """The clean label of a sample, where known; never read by training."""

    __tablename__ = "truths"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Sample.dataset_id, Sample.position], ondelete="CASCADE"
        ),
    )

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    true_label: Mapped[int]


class Problem(Base):
    """A sample that ingestion left out, or a peculiarity that it noticed."""

    __tablename__ = "problems"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, comment="order of discovery")
    key: Mapped[str]
    code: Mapped[str]
    detail: Mapped[str]


class Audit(Identified, Owned, Base):
    """One question asked of one dataset with one frozen configuration."""

    __tablename__ = "audits"
    __table_args__ = (
        one_of("status", AuditStatus),
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


class Run(Identified, Leased, Base):
    """One training on one device: the unit that is claimed, leased, checkpointed and resumed."""

    __tablename__ = "runs"
    __table_args__ = (
        one_of("status", RunStatus),
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


class RunEpoch(Base):
    """What one epoch of a run came to."""

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


class Ranked:
    """The columns of a score. High score and high distance = the label is probably wrong."""

    rank: Mapped[int] = mapped_column(comment="1 = most suspicious")
    given_label: Mapped[int] = mapped_column(comment="copied, so that one index serves the class filter")
    score: Mapped[float | None] = mapped_column(comment="what ranks, in [0, 1]; null: the distance ranks")
    distance: Mapped[float] = mapped_column(comment="||mu - g||, in [0, sqrt 2]")
    error_probability: Mapped[float | None] = mapped_column(comment="estimated; null while provisional")
    is_label_issue: Mapped[bool | None] = mapped_column(comment="automatic cut; null while provisional")
    distance_average: Mapped[float] = mapped_column(comment="decaying average over epochs")
    distance_last: Mapped[float] = mapped_column(comment="of the trained predictor")
    predicted_gradient_norm: Mapped[float] = mapped_column(comment="||mu||")
    margin: Mapped[float] = mapped_column(comment="logit of the given label minus the best other, averaged")
    loss: Mapped[float] = mapped_column(comment="cross-entropy of the given label, nats")
    given_label_probability: Mapped[float]
    neighbour_disagreement: Mapped[float | None] = mapped_column(
        comment="share of the nearest samples by the network's features with another given label"
    )
    suggested_label: Mapped[int]
    suggested_confidence: Mapped[float]
    second_label: Mapped[int | None]
    second_probability: Mapped[float | None]
    third_label: Mapped[int | None]
    third_probability: Mapped[float | None]

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


class Score(Ranked, Base):
    """The result for one sample of a finished audit."""

    __tablename__ = "scores"


class ProvisionalScore(Ranked, Base):
    """The head of the ranking while the audit still trains."""

    __tablename__ = "provisional_scores"


class Issue(Base):
    """A sample or class of an audit's data that a person should look at, not for its label alone."""

    __tablename__ = "issues"
    __table_args__ = (one_of("kind", IssueKind),)

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


class Review(Base):
    """A person's verdict on a sample's uploaded label; every audit of the dataset shares it."""

    __tablename__ = "reviews"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Sample.dataset_id, Sample.position], ondelete="CASCADE"
        ),
        one_of("verdict", Verdict),
        CheckConstraint("(verdict = 'relabel') = (label IS NOT NULL)", name="label"),
        Index("ix_reviews_version", "dataset_id", "version"),
    )
    versions = Sequence("review_versions", metadata=Base.metadata)

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    label: Mapped[int | None] = mapped_column(comment="the right one; of relabel alone")
    audit_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(Audit.id, ondelete="SET NULL"), index=True, comment="whose ranking showed the sample"
    )
    reviewer: Mapped[str]
    reviewed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(
        BigInteger, server_default=versions.next_value(), comment="new with every write, never used twice"
    )


class Webhook(Identified, Owned, Base):
    """An address that is told when audits end."""

    __tablename__ = "webhooks"

    url: Mapped[str]
    events: Mapped[list[str]]
    secret: Mapped[str] = mapped_column(comment="signs what is sent, so that it must be kept in the clear")
    disabled_at: Mapped[datetime | None] = mapped_column(comment="the receiver said that it is gone (410)")


class DeliveryStatus(StrEnum):
    """Life of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(Identified, Base):
    """One message to one webhook. Its id is the message's, the same in every attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", DeliveryStatus),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index(
            "ix_webhook_deliveries_pending", "next_attempt_at", postgresql_where=text("status = 'pending'")
        ),
    )

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey(Webhook.id, ondelete="CASCADE"))
    event: Mapped[str]
    body: Mapped[str] = mapped_column(comment="JSON, byte for byte as it is signed")
    status: Mapped[str] = mapped_column(server_default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="also the lease of the attempt that is under way"
    )
    attempted_at: Mapped[datetime | None]
    response_status: Mapped[int | None] = mapped_column(comment="of the last attempt; null: no answer")
    error: Mapped[str | None] = mapped_column(comment="why the last attempt failed")
