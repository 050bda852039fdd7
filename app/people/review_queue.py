"""The queue that hands each person other samples: of the ranking, or of the random checks.

A share of the reviewed samples comes back to a second person, who is not shown the first verdict. They are
mixed among the others, so that nothing tells which they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, all_, bindparam, literal, select
from sqlalchemy.orm import Session

from app.audits.suspects import Filters, is_left_unsure, make_ranking, match_filters
from app.people.review_plans import find_plan
from app.reviews import sample_leases
from app.reviews.checked_figures import follow_checks
from app.reviews.sample_leases import Holder
from app.tables import Audit, Check, Dataset, Review, Score

MIXED = 5
"""Every fifth sample is a second opinion while there are both, so that one who comes later gets both."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants to be handed."""

    count: int
    """Samples at most; 0 only renews."""
    held: Sequence[int] = ()
    """Samples that the person has on their screen already: their leases are renewed."""
    after_rank: int = 0
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What a person was handed."""

    positions: list[int]
    """In the order in which they are to be looked at."""
    lost: list[int]
    """Of the held samples, those that somebody else has been handed since."""


def hand_suspects(session: Session, audit: Audit, dataset: Dataset, holder: Holder, wish: Wish) -> Handed:
    """Hand a person the next samples of the ranking that nobody else has and that have no verdict.

    An "unsure" that was carried over from an earlier version is none.
    """
    ranking = follow_checks(session.connection(), make_ranking(audit, dataset))
    conditions, parameters = match_filters(ranking, wish.filters)
    of_audit = select(Score.position).where(Score.audit_id == audit.id, *conditions)
    is_decided = _is_reviewed(audit, Score.position, ~is_left_unsure())
    fresh = of_audit.where(Score.rank > wish.after_rank, ~is_decided)
    return _hand(
        session,
        audit,
        holder,
        wish,
        _Source(fresh.order_by(Score.rank), of_audit.order_by(Score.rank), Score.position, parameters),
    )


def hand_checks(session: Session, audit: Audit, holder: Holder, wish: Wish) -> Handed:
    """Hand a person the next samples of the random checks that nobody else has and that have no verdict."""
    drawn = select(Check.position).where(Check.audit_id == audit.id).order_by(Check.number)
    open_ones = drawn.where(~_is_reviewed(audit, Check.position, Review.is_looked_at))
    return _hand(session, audit, holder, wish, _Source(open_ones, drawn, Check.position, {}))


@dataclass(frozen=True)
class _Source:
    """Where samples come from: those without a verdict, and all, each in order; the column; parameters."""

    fresh: Select[int]
    every: Select[int]
    position: Any
    parameters: Mapping[str, Any]


def _hand(session: Session, audit: Audit, holder: Holder, wish: Wish, source: _Source) -> Handed:
    sample_leases.lock_dataset(session, audit.dataset_id)
    kept = sample_leases.renew(session, holder, wish.held)
    lost = [position for position in wish.held if position not in kept]
    if not wish.count:
        return Handed(positions=[], lost=lost)
    second = _find_second(session, audit, holder, wish, source)
    fresh = _find_fresh(session, holder, wish, source)
    positions, seconds = _mix(fresh, second, wish.count)
    sample_leases.take(session, holder, [each for each in positions if each not in seconds], is_second=False)
    sample_leases.take(session, holder, [*seconds], is_second=True)
    return Handed(positions=positions, lost=lost)


def _find_fresh(session: Session, holder: Holder, wish: Wish, source: _Source) -> list[int]:
    free = sample_leases.is_free(holder.dataset_id, source.position, holder.reviewer)
    statement = source.fresh.where(free, _is_not_held(source.position)).limit(wish.count)
    return [*session.scalars(statement, {**source.parameters, "held": [*wish.held]})]


def _find_second(session: Session, audit: Audit, holder: Holder, wish: Wish, source: _Source) -> list[int]:
    """Return samples for a second opinion: one other person has judged them, and they are chosen."""
    plan = find_plan(session, audit)
    if not plan.second_share:
        return []
    position = source.position
    statement = (
        source.every.join(Review, (Review.dataset_id == holder.dataset_id) & (Review.position == position))
        .where(
            Review.is_looked_at,
            Review.agreement.is_(None),
            Review.reviewer != holder.reviewer,
            sample_leases.is_chosen_for_second(position, share=plan.second_share, seed=plan.seed),
            sample_leases.is_free_for_second(holder.dataset_id, position, holder.reviewer),
            _is_not_held(position),
        )
        .limit(wish.count)
    )
    return [*session.scalars(statement, {**source.parameters, "held": [*wish.held]})]


def _mix(fresh: Sequence[int], second: Sequence[int], count: int) -> tuple[list[int], set[int]]:
    """Return `count` samples, every fifth of them for a second opinion while there are both, and these."""
    left, again = [*fresh], [*second]
    mixed: list[int] = []
    seconds: set[int] = set()
    while len(mixed) < count and (left or again):
        if again and (not left or len(mixed) % MIXED == MIXED - 1):
            seconds.add(again[0])
            mixed.append(again.pop(0))
        else:
            mixed.append(left.pop(0))
    return mixed, seconds


def _is_reviewed(audit: Audit, position: Any, *conditions: Any) -> ColumnElement[bool]:  # noqa: ANN401
    reviewed = select(literal(1)).where(
        Review.dataset_id == audit.dataset_id, Review.position == position, *conditions
    )
    return reviewed.exists()


def _is_not_held(position: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    not_held: ColumnElement[bool] = position != all_(bindparam("held", type_=ARRAY(Integer)))
    return not_held
