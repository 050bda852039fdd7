"""The samples of a bulk action: those that somebody selected, or all that match filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.audits.suspects import STORED_PROBABILITY, Filters, is_left_unsure, make_ranking, match_filters
from app.reviews.checked_figures import follow_checks
from app.reviews.sample_leases import is_undecided_elsewhere
from app.tables import Audit, Dataset, Review, Score


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The samples of an action: those that somebody selected, or all that match filters."""

    versions: Mapping[int, int | None] | None = None
    """Version of the review that was seen, by position; None: no review. Others are left out."""
    filters: Filters | None = None
    replaces: bool = False
    """With filters: also replace verdicts that somebody gave before; what several people judged stays."""
    reviewer: str
    """Who chooses: samples that others have on their screens are left out."""


def select_chosen(
    session: Session, audit: Audit, dataset: Dataset, chosen: Chosen, *, is_free_only: bool = True
) -> tuple[Any, Mapping[str, Any]]:
    """Return the chosen samples as a subquery: position, labels, probability and the review's version."""
    joined = (
        select(
            Score.position,
            Score.given_label,
            Score.suggested_label,
            STORED_PROBABILITY.label("probability"),
            Review.version,
            Review.reviewer,
        )
        .outerjoin(Review, and_(Review.dataset_id == dataset.id, Review.position == Score.position))
        .where(Score.audit_id == audit.id)
    )
    if is_free_only:
        joined = joined.where(
            ~is_undecided_elsewhere(
                dataset.id, Score.position, reviewer=chosen.reviewer, reviewed_by=Review.reviewer
            )
        )
    if chosen.versions is not None:
        return _select_named(joined, chosen.versions)
    ranking = follow_checks(session.connection(), make_ranking(audit, dataset))
    conditions, parameters = match_filters(ranking, chosen.filters or Filters())
    if not chosen.replaces:
        joined = joined.where(or_(Review.version.is_(None), is_left_unsure()))
    joined = joined.where(Review.agreement.is_(None))
    return joined.where(*conditions).subquery("chosen"), parameters


def _select_named(
    joined: Select[*tuple[Any, ...]], versions: Mapping[int, int | None]
) -> tuple[Any, Mapping[str, Any]]:
    named = select(
        func.unnest(bindparam("positions", type_=ARRAY(Integer))).label("position"),
        func.unnest(bindparam("versions", type_=ARRAY(BigInteger))).label("version"),
    ).subquery("named")
    rows = joined.join(named, named.c.position == Score.position).where(
        Review.version.is_not_distinct_from(named.c.version)
    )
    return rows.subquery("chosen"), {"positions": [*versions], "versions": [*versions.values()]}
