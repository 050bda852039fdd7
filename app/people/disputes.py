"""The samples that several people judged, with what each of them says: disagreements to settle, or others."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.reviews.opinions import find_opinions
from app.tables import Agreement, Audit, Opinion, Review, Sample, SampleNote, Score


@dataclass(frozen=True, kw_only=True)
class JudgedTwice:
    """A sample that several people judged."""

    sample: Sample
    review: Review
    opinions: list[Opinion]
    notes: int
    """Notes on it."""
    suggested: int


def list_judged_twice(
    session: Session, audit: Audit, *, state: Agreement, after: int, limit: int
) -> Sequence[JudgedTwice]:
    """Return samples of an audit in this state, in order of position, after the given position."""
    rows = session.execute(
        select(Sample, Review, Score.suggested_label)
        .join(Review, (Review.dataset_id == Sample.dataset_id) & (Review.position == Sample.position))
        .join(Score, (Score.audit_id == audit.id) & (Score.position == Sample.position))
        .where(
            Sample.dataset_id == audit.dataset_id,
            Sample.position > after,
            Review.agreement == state,
        )
        .order_by(Sample.position)
        .limit(limit)
    ).all()
    positions = [sample.position for sample, _, _ in rows]
    opinions = find_opinions(session, audit.dataset_id, positions)
    notes = _count_notes(session, audit, positions)
    return [
        JudgedTwice(
            sample=sample,
            review=review,
            opinions=opinions.get(sample.position, []),
            notes=notes.get(sample.position, 0),
            suggested=suggested,
        )
        for sample, review, suggested in rows
    ]


def _count_notes(session: Session, audit: Audit, positions: Sequence[int]) -> dict[int, int]:
    counted = (
        select(SampleNote.position, func.count())
        .where(SampleNote.dataset_id == audit.dataset_id, SampleNote.position.in_(positions))
        .group_by(SampleNote.position)
    )
    return dict(session.execute(counted).all())
