"""Reading a ranking: keyset pages of suspects, one sample with its neighbours. Rank 1 comes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.tables import Audit, AuditStatus, ProvisionalScore, Review, Sample, Score, Truth

ReviewState = Literal["none", "any", "keep", "relabel", "drop", "unsure"]
Scored = Score | ProvisionalScore
Row = tuple[Scored, Sample, int | None]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which suspects to list; None: all."""

    given_label: int | None = None
    suggested_label: int | None = None
    min_distance: float | None = None
    max_distance: float | None = None
    is_label_issue: bool | None = None
    review: ReviewState | None = None


def table_of(audit: Audit) -> type[Score] | type[ProvisionalScore]:
    """Return where an audit's ranking is read from: provisional until it has succeeded."""
    return Score if audit.status == AuditStatus.SUCCEEDED else ProvisionalScore


def page(session: Session, audit: Audit, filters: Filters, *, after_rank: int, limit: int) -> list[Row]:
    """Return suspects in order of rank, after a rank."""
    table = table_of(audit)
    # The scores alone first: joined with the samples, the planner would rather read and sort all of both.
    statement = (
        select(table)
        .where(table.audit_id == audit.id, table.rank > after_rank, *_conditions(table, audit, filters))
        .order_by(table.rank)
        .limit(limit)
    )
    scores: Sequence[Scored] = session.scalars(statement).all()  # type: ignore[assignment]
    return _with_samples(session, audit, scores)


def one(session: Session, audit: Audit, position: int) -> Row:
    """Return the score of one sample.

    Raises:
        NotFound: it has none, or none yet.

    """
    score: Scored | None = session.get(table_of(audit), (audit.id, position), populate_existing=True)  # type: ignore[assignment]
    if score is None:
        raise NotFound(f"audit {audit.id} has no score for position {position}")
    return _with_samples(session, audit, [score])[0]


def neighbours(session: Session, audit: Audit, rank: int) -> tuple[int | None, int | None]:
    """Return the positions ranked just before and just after."""
    table = table_of(audit)
    statement = select(table.rank, table.position).where(
        table.audit_id == audit.id, table.rank.in_([rank - 1, rank + 1])
    )
    positions = dict(session.execute(statement).all())
    return positions.get(rank - 1), positions.get(rank + 1)


def _with_samples(session: Session, audit: Audit, scores: Sequence[Scored]) -> list[Row]:
    matching = (Truth.dataset_id == Sample.dataset_id) & (Truth.position == Sample.position)
    statement = (
        select(Sample, Truth.true_label)
        .outerjoin(Truth, matching)
        .where(
            Sample.dataset_id == audit.dataset_id, Sample.position.in_([score.position for score in scores])
        )
    )
    found = {sample.position: (sample, true_label) for sample, true_label in session.execute(statement)}
    return [(score, *found[score.position]) for score in scores]


def _conditions(
    table: type[Score] | type[ProvisionalScore], audit: Audit, filters: Filters
) -> list[ColumnElement[bool]]:
    conditions = []
    if filters.given_label is not None:
        conditions.append(table.given_label == filters.given_label)
    if filters.suggested_label is not None:
        conditions.append(table.suggested_label == filters.suggested_label)
    if filters.is_label_issue is not None:
        conditions.append(table.is_label_issue.is_(filters.is_label_issue))
    if filters.review is not None:
        conditions.append(_reviewed(table, audit, filters.review))
    if filters.min_distance is not None:
        conditions.append(table.distance >= filters.min_distance)
    if filters.max_distance is not None:
        conditions.append(table.distance <= filters.max_distance)
    return conditions


def _reviewed(
    table: type[Score] | type[ProvisionalScore], audit: Audit, state: ReviewState
) -> ColumnElement[bool]:
    verdict = select(Review.verdict).where(
        Review.dataset_id == audit.dataset_id, Review.position == table.position
    )
    if state == "none":
        return ~verdict.exists()
    return (verdict if state == "any" else verdict.where(Review.verdict == state)).exists()
