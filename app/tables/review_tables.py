"""Tables of reviews."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Sequence,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.audit_tables import Audit
from app.tables.dataset_tables import Sample
from app.tables.table_base import Base, Identified, Json, restrict_to


class Verdict(StrEnum):
    """A person's decision on the given label of a sample."""

    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"
    UNSURE = "unsure"


class Review(Base):
    """A person's verdict on the given label of a sample; all audits of the dataset share it."""

    __tablename__ = "reviews"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Sample.dataset_id, Sample.position], ondelete="CASCADE"
        ),
        restrict_to("verdict", Verdict),
        CheckConstraint("(verdict = 'relabel') = (label IS NOT NULL)", name="label"),
        CheckConstraint("agreement IN ('agreed', 'unsure', 'disputed', 'settled')", name="agreement"),
        Index("ix_reviews_version", "dataset_id", "version"),
        Index(
            "ix_reviews_disputed",
            "dataset_id",
            "position",
            postgresql_where=text("agreement IS NOT NULL"),
        ),
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
    is_looked_at: Mapped[bool] = mapped_column(
        server_default="true",
        comment="false: it is no evidence, as nobody saw the sample, or it was carried over",
    )
    carried: Mapped[Json | None] = mapped_column(
        JSONB(none_as_null=True),
        comment="the verdict of an earlier version that this one was made from; null: given here",
    )
    agreement: Mapped[str | None] = mapped_column(
        comment="null: one person's verdict; else what the opinions of several people make of it"
    )


class Bulk(StrEnum):
    """What is decided for many samples at once."""

    KEEP = "keep"
    ACCEPT = "accept"
    RELABEL = "relabel"
    DROP = "drop"
    UNSURE = "unsure"


class BulkAction(Identified, Base):
    """Verdicts that a person gave to many samples at once; they can be undone together."""

    __tablename__ = "bulk_actions"
    __table_args__ = (restrict_to("action", Bulk),)

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), index=True)
    action: Mapped[str] = mapped_column(comment="accept: the suggested label of each")
    label: Mapped[int | None] = mapped_column(comment="of relabel alone")
    reviewer: Mapped[str]
    is_looked_at: Mapped[bool] = mapped_column(comment="whether somebody saw each of the samples")
    undone_at: Mapped[datetime | None]


class BulkVerdict(Base):
    """One verdict of a bulk action, and the review that it replaced."""

    __tablename__ = "bulk_verdicts"

    action_id: Mapped[UUID] = mapped_column(ForeignKey(BulkAction.id, ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int | None] = mapped_column(
        BigInteger, comment="of the review that the action wrote; undone only if nobody changed it since"
    )
    before_version: Mapped[int | None] = mapped_column(BigInteger, comment="null: there was no review")
    before_verdict: Mapped[str | None]
    before_label: Mapped[int | None]
    before_audit_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(Audit.id, ondelete="SET NULL"), index=True
    )
    before_reviewer: Mapped[str | None]
    before_reviewed_at: Mapped[datetime | None]
    before_is_looked_at: Mapped[bool | None]
    before_carried: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    before_agreement: Mapped[str | None]


class CheckPlan(Base):
    """The random checks of an audit: the strata of its ranking, and how many samples are to be checked."""

    __tablename__ = "check_plans"

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), primary_key=True)
    wanted: Mapped[int] = mapped_column(comment="samples to check in all; it only grows")
    stratum_ends: Mapped[list[int]] = mapped_column(JSONB, comment="the last rank of each stratum")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Check(Base):
    """A sample that was drawn at random; its verdict is its review."""

    __tablename__ = "checks"
    __table_args__ = (UniqueConstraint("audit_id", "position"),)

    audit_id: Mapped[UUID] = mapped_column(
        ForeignKey(CheckPlan.audit_id, ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, comment="0, 1, ... in the order of checking")
    position: Mapped[int]
    rank: Mapped[int] = mapped_column(comment="copied from the score; tells the stratum")
