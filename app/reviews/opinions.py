"""Several people's own verdicts on one sample, and what they make of its review.

What counts: the verdict that somebody gave who saw the others (settled); else the one on which all agree who
were sure; else none, because a disagreement is no truth: the review is then "unsure" until it is settled.
A lone verdict is only a review; opinions are stored from the second person on.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, null, select, union_all
from sqlalchemy.orm import Session

from app.tables import Agreement, Audit, Dataset, Opinion, Review, Sample, SampleLease, Verdict

OWN = ("verdict", "label", "audit_id", "reviewer", "reviewed_at", "version")
"""Columns that a review and an opinion share."""
BETWEEN_NAMES = " / "


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A verdict to save."""

    position: int
    verdict: Verdict
    label: int | None = None
    """The correct label, only for relabel."""
    seen: int | None = None
    """Version of the review to replace; None: there is no review yet, or none that somebody looked at."""


@dataclass(frozen=True, kw_only=True)
class Author:
    """The reviewer, and the audit in which they review."""

    reviewer: str
    audit_id: UUID | None = None


def mark_settled() -> ColumnElement[str | None]:
    """Return what a verdict on top of a review makes of its agreement; a lone verdict stays lone."""
    return case((Review.agreement.is_(None), null()), else_=Agreement.SETTLED)


def give_opinion(session: Session, dataset: Dataset, entry: Entry, author: Author) -> Opinion | None:
    """Save a second opinion of somebody who was asked for one, or change one's own opinion.

    `entry.seen` is None for a new opinion, or the version of one's own. Return None if neither applies: the
    person was not asked without having seen the first verdict, or that version is not theirs.
    """
    review = _lock_review(session, dataset.id, entry.position)
    if review is None or not review.is_looked_at:
        return None
    mine = session.get(Opinion, (dataset.id, entry.position, author.reviewer), populate_existing=True)
    version = _take_version(session)
    if entry.seen is None:
        if mine or author.reviewer == review.reviewer or not _was_asked(session, review, author.reviewer):
            return None
        _keep_first(session, review)
        mine = Opinion(dataset_id=dataset.id, position=entry.position, reviewer=author.reviewer)
        session.add(mine)
    elif mine is None or mine.version != entry.seen or review.agreement == Agreement.SETTLED:
        return None
    mine.verdict, mine.label, mine.audit_id = entry.verdict, entry.label, author.audit_id
    mine.version, mine.reviewed_at = version, func.now()
    session.flush()
    session.refresh(mine)
    _combine(session, review)
    return mine


def withdraw(session: Session, dataset: Dataset, position: int, *, seen: int, reviewer: str) -> bool:
    """Take back what settled a sample, or one's own opinion, of this version; return whether there was one.

    What the others said stays.
    """
    review = _lock_review(session, dataset.id, position)
    if review is None:
        return False
    if review.agreement == Agreement.SETTLED:
        if review.version != seen:
            return False
        review.agreement = None
        _combine(session, review)
        return True
    mine = session.get(Opinion, (dataset.id, position, reviewer), populate_existing=True)
    if mine is None or mine.version != seen:
        return False
    session.delete(mine)
    session.flush()
    _combine(session, review)
    return True


def find_opinions(session: Session, dataset_id: UUID, positions: Collection[int]) -> dict[int, list[Opinion]]:
    """Return the opinions on these samples, by position, the first person's first."""
    statement = select(Opinion).where(Opinion.dataset_id == dataset_id, Opinion.position.in_(positions))
    found: dict[int, list[Opinion]] = {}
    for opinion in session.scalars(
        statement.order_by(Opinion.position, Opinion.reviewed_at, Opinion.version)
    ):
        found.setdefault(opinion.position, []).append(opinion)
    return found


def find_own(session: Session, review: Review, reviewer: str) -> Review | Opinion | None:
    """Return what this person has said of a sample and may change: the review itself, or their opinion."""
    if review.agreement in {None, Agreement.SETTLED}:
        return review if review.reviewer == reviewer else None
    return session.get(Opinion, (review.dataset_id, review.position, reviewer), populate_existing=True)


def judge_agreement(opinions: Iterable[Opinion], given: int) -> Agreement:
    """Return what opinions of several people make of a sample that nobody has settled."""
    sure = [opinion for opinion in opinions if opinion.verdict != Verdict.UNSURE]
    if len({find_final(opinion, given) for opinion in sure}) > 1:
        return Agreement.DISPUTED
    return Agreement.AGREED if len(sure) > 1 else Agreement.UNSURE


def find_final(opinion: Opinion, given: int) -> int | None:
    """Return the label that a sure person says is right; None: drop the sample."""
    if opinion.verdict == Verdict.DROP:
        return None
    return given if opinion.label is None else opinion.label


def _combine(session: Session, review: Review) -> None:
    """Make the review of a sample follow its opinions; one that is settled stays."""
    if review.agreement == Agreement.SETTLED:
        return
    opinions = find_opinions(session, review.dataset_id, [review.position])[review.position]
    if len(opinions) == 1:
        _copy(opinions[0], review)
        review.agreement = None
        session.delete(opinions[0])
        session.flush()
        return
    given = session.get_one(Sample, (review.dataset_id, review.position)).given_label
    agreement, version = judge_agreement(opinions, given), _take_version(session)
    _copy(_choose(opinions), review)
    if agreement == Agreement.DISPUTED:
        review.verdict, review.label = Verdict.UNSURE, None
        review.reviewer = BETWEEN_NAMES.join(opinion.reviewer for opinion in opinions)
        review.reviewed_at = max(opinion.reviewed_at for opinion in opinions)
    review.agreement, review.version = agreement, version
    session.flush()


def _choose(opinions: Sequence[Opinion]) -> Opinion:
    """Return the first opinion of somebody who was sure; of nobody was, the first."""
    return next((each for each in opinions if each.verdict != Verdict.UNSURE), opinions[0])


def _keep_first(session: Session, review: Review) -> None:
    """Store a lone verdict as its person's opinion; others who were asked find it stored."""
    if review.agreement is None:
        first = Opinion(dataset_id=review.dataset_id, position=review.position)
        _copy(review, first)
        session.add(first)
        session.flush()


def _copy(source: Review | Opinion, target: Review | Opinion) -> None:
    for name in OWN:
        setattr(target, name, getattr(source, name))


def _was_asked(session: Session, review: Review, reviewer: str) -> bool:
    """Return whether a person was handed the sample for a second opinion, and nobody else since."""
    lease = session.get(SampleLease, (review.dataset_id, review.position), populate_existing=True)
    return lease is not None and lease.is_second and lease.reviewer == reviewer


def _lock_review(session: Session, dataset_id: UUID, position: int) -> Review | None:
    """Return the review of a sample, locked; the audits that it may come to name are kept, too."""
    named = (
        select(each.audit_id).where(each.dataset_id == dataset_id, each.position == position)
        for each in (Review, Opinion)
    )
    kept = select(Audit.id).where(Audit.id.in_(union_all(*named))).order_by(Audit.id)
    session.execute(kept.with_for_update(read=True, key_share=True)).all()
    return session.get(Review, (dataset_id, position), with_for_update=True, populate_existing=True)


def _take_version(session: Session) -> int:
    return cast("int", session.scalar(select(Review.versions.next_value())))
