"""The ranking of samples with sets of labels: over the audits of all classes, the most doubtful first.

Both orders are measured in bench/label_sets/RESULTS.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.label_sets.class_views import HAS, list_members, list_views, require_sets
from app.reviews.checked_figures import find_settled
from app.tables import Audit, AuditStatus, Dataset, Review, Sample, Score, Verdict
from models.reading.label_texts import make_comparable
from models.reading.several_labels.label_sets import split_label_set

LISTED = 10_000
"""Of each class the most suspicious samples that the ranking is made of."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What an audit says of one class of one sample."""

    class_name: str
    is_given: bool
    """Whether the sample has the class by its given labels."""
    error_probability: float | None
    """That the given label is wrong; None: the audit may not claim it."""
    is_flagged: bool
    rank: int
    """Among the samples of this class's audit."""
    verdict: str | None
    """What a person decided; None: nobody looked."""
    version: int | None
    """Of the review, to replace it."""


@dataclass(frozen=True, kw_only=True)
class RankedSet:
    """One sample with what is doubtful about its labels."""

    position: int
    key: str
    given: Sequence[str]
    """All classes of its given labels, audited or not."""
    doubts: Sequence[Doubt]
    """Of all audited classes, the most doubtful first."""
    decided: Mapping[str, bool]
    """Whether it has each class that was relabelled, audited or not."""
    is_dropped: bool
    """Whether somebody dropped the sample."""

    @property
    def final(self) -> list[str]:
        """Return its classes after the review, added ones last."""
        kept = [name for name in self.given if self.decided.get(name, True)]
        return kept + [name for name, has in self.decided.items() if has and name not in self.given]


def rank_sets(
    session: Session, dataset: Dataset, audits: Mapping[str, Audit], *, after: int, limit: int
) -> list[RankedSet]:
    """Return samples in order of the most doubtful of their labels.

    Where every audit may claim its error probabilities, these are compared. Else ranks are, each class's
    first one before any second one: a probability that may not be claimed says nothing beside one that may.
    Only audits that have succeeded count, and of each class the `LISTED` most suspicious samples.

    Args:
        session: of the caller.
        dataset: with sets of labels.
        audits: of its views, by class.
        after: how many samples to leave out from the beginning.
        limit: the most to return.

    """
    usable = keep_succeeded(audits)
    ids = [audit.id for audit in usable.values()]
    likeliest = func.max(func.coalesce(Score.error_probability, 0)).desc()
    best = func.min(Score.rank)
    order = [likeliest, best] if _may_compare(session, usable) else [best]
    statement = (
        select(Score.position)
        .where(Score.audit_id.in_(ids), Score.rank <= LISTED)
        .group_by(Score.position)
        .order_by(*order, Score.position)
        .offset(after)
        .limit(limit)
    )
    return describe_sets(session, dataset, usable, [*session.scalars(statement)])


def keep_succeeded(audits: Mapping[str, Audit]) -> dict[str, Audit]:
    """Return the audits that rank samples."""
    return {name: audit for name, audit in audits.items() if audit.status == AuditStatus.SUCCEEDED}


def describe_sets(
    session: Session, dataset: Dataset, audits: Mapping[str, Audit], positions: Sequence[int]
) -> list[RankedSet]:
    """Return what audits that have succeeded say of these samples, in this order."""
    samples = find_samples(session, dataset, positions)
    reviews = _find_reviews(session, list_views(session, dataset), positions)
    doubts: dict[int, list[Doubt]] = {position: [] for position in positions}
    order = _order_by_probability if _may_compare(session, audits) else _order_by_rank
    for name, audit in audits.items():
        judge = _make_judge(session, audit)
        found = select(Score).where(Score.audit_id == audit.id, Score.position.in_(positions))
        for score in session.scalars(found):
            review = reviews[score.position].get(name)
            doubt = Doubt(
                class_name=name,
                is_given=bool(score.given_label),
                error_probability=judge(score.error_probability),
                is_flagged=bool(score.is_label_issue),
                rank=score.rank,
                verdict=None if review is None else review.verdict,
                version=None if review is None else review.version,
            )
            doubts[score.position].append(doubt)
    return [
        RankedSet(
            position=position,
            key=samples[position][0],
            given=samples[position][1],
            doubts=sorted(doubts[position], key=order),
            decided={
                name: each.label == HAS for name, each in reviews[position].items() if each.label is not None
            },
            is_dropped=any(each.verdict == Verdict.DROP for each in reviews[position].values()),
        )
        for position in positions
        if position in samples
    ]


def _make_judge(session: Session, audit: Audit) -> Callable[[float | None], float | None]:
    """Return what turns a stored error probability into one that may be claimed, after random checks too."""
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    if figures is not None:
        recalibrate = figures.settled.recalibration.apply
        return lambda stored: None if stored is None else float(recalibrate(np.array([stored]))[0])
    may_claim = _may_claim(session, audit)
    return lambda stored: stored if may_claim else None


def _may_compare(session: Session, audits: Mapping[str, Audit]) -> bool:
    """Return whether every audit may claim its error probabilities."""
    return all(_may_claim(session, audit) for audit in audits.values())


def _may_claim(session: Session, audit: Audit) -> bool:
    """Return whether an audit's error probabilities may be claimed, by its evidence or by random checks."""
    if find_settled(session.connection(), audit.id, audit.dataset_id) is not None:
        return True
    return bool(((audit.summary or {}).get("estimate") or {}).get("may_claim"))


def _order_by_probability(doubt: Doubt) -> tuple[float, int]:
    return (-(doubt.error_probability or 0.0), doubt.rank)


def _order_by_rank(doubt: Doubt) -> tuple[float, int]:
    return (doubt.rank, 0)


def find_samples(
    session: Session, dataset: Dataset, positions: Sequence[int]
) -> dict[int, tuple[str, Sequence[str]]]:
    """Return key and given classes of samples, by position; classes are spelled as the views are named."""
    separator = require_sets(dataset)
    spelled = {make_comparable(member.name): member.name for member in list_members(dataset)}
    names = dataset.class_names or []
    statement = select(Sample.position, Sample.key, Sample.given_label).where(
        Sample.dataset_id == dataset.id, Sample.position.in_(positions)
    )
    return {
        position: (
            key,
            [spelled.get(make_comparable(name), name) for name in split_label_set(names[label], separator)],
        )
        for position, key, label in session.execute(statement)
    }


def _find_reviews(
    session: Session, views: Mapping[str, Dataset], positions: Sequence[int]
) -> dict[int, dict[str, Review]]:
    """Return the reviews of each of these samples, by class."""
    names = {view.id: name for name, view in views.items()}
    statement = select(Review).where(Review.dataset_id.in_(names), Review.position.in_(positions))
    found: dict[int, dict[str, Review]] = {position: {} for position in positions}
    for review in session.scalars(statement.order_by(Review.dataset_id)):
        found[review.position][names[review.dataset_id]] = review
    return found
