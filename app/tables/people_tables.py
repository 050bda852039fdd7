"""Tables of several people at one review: their own opinions, what each looks at now, their notes."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, ForeignKeyConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.audit_tables import Audit
from app.tables.dataset_tables import Sample
from app.tables.review_tables import Review, Verdict
from app.tables.table_base import Base, Identified, restrict_to


class Agreement(StrEnum):
    """What the opinions of several people on one sample make of its review."""

    AGREED = "agreed"
    UNSURE = "unsure"
    DISPUTED = "disputed"
    SETTLED = "settled"


class Opinion(Base):
    """One person's own verdict on a sample that several people judged; a lone verdict is only a review."""

    __tablename__ = "opinions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Review.dataset_id, Review.position], ondelete="CASCADE"
        ),
        restrict_to("verdict", Verdict),
        CheckConstraint("(verdict = 'relabel') = (label IS NOT NULL)", name="label"),
    )

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reviewer: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    label: Mapped[int | None] = mapped_column(comment="the right one; of relabel alone")
    audit_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(Audit.id, ondelete="SET NULL"), index=True, comment="whose ranking showed the sample"
    )
    reviewed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(
        BigInteger, comment="from the sequence of reviews; the first person's is that of their review"
    )
    is_looked_at = True
    agreement = None
    carried = None


class SampleLease(Base):
    """A sample that a person has on their screen; nobody else is handed it until the lease expires."""

    __tablename__ = "sample_leases"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Sample.dataset_id, Sample.position], ondelete="CASCADE"
        ),
    )

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reviewer: Mapped[str]
    is_second: Mapped[bool] = mapped_column(
        comment="asked for a second opinion, without being shown the first"
    )
    expires_at: Mapped[datetime]


class ReviewPlan(Base):
    """How much of an audit's review is done twice, and which samples."""

    __tablename__ = "review_plans"
    __table_args__ = (CheckConstraint("second_share BETWEEN 0 AND 1", name="second_share"),)

    audit_id: Mapped[UUID] = mapped_column(ForeignKey(Audit.id, ondelete="CASCADE"), primary_key=True)
    second_share: Mapped[float] = mapped_column(Double, comment="of the reviewed samples")
    seed: Mapped[int] = mapped_column(BigInteger, comment="decides which samples")


class SampleNote(Identified, Base):
    """What a person wrote about a sample."""

    __tablename__ = "sample_notes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "position"], [Sample.dataset_id, Sample.position], ondelete="CASCADE"
        ),
        Index("ix_sample_notes_position", "dataset_id", "position"),
    )

    dataset_id: Mapped[UUID]
    position: Mapped[int]
    reviewer: Mapped[str]
    text: Mapped[str]
