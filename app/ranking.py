"""Reading a ranking: keyset pages of suspects, one sample with its neighbours. Rank 1 comes first."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
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
    statement = _rows(table, audit.id).where(table.rank > after_rank, *_conditions(table, audit.id, filters))
    return [(score, sample, truth) for score, sample, truth in session.execute(statement.limit(limit))]


def one(session: Session, audit: Audit, position: int) -> Row:
    """Return the score of one sample.

    Raises:
        NotFound: it has none, or none yet.

    """
    table = table_of(audit)
    row = session.execute(_rows(table, audit.id).where(table.position == position)).one_or_none()
    if row is None:
        raise NotFound(f"audit {audit.id} has no score for position {position}")
    return row[0], row[1], row[2]


def neighbours(session: Session, audit: Audit, rank: int) -> tuple[int | None, int | None]:
    """Return the positions ranked just before and just after."""
    table = table_of(audit)
    statement = select(table.rank, table.position).where(
        table.audit_id == audit.id, table.rank.in_([rank - 1, rank + 1])
    )
    positions = dict(session.execute(statement).all())
    return positions.get(rank - 1), positions.get(rank + 1)


def _rows(table: type[Score] | type[ProvisionalScore], audit_id: UUID) -> Select[Scored, Sample, int | None]:
    statement: Select[Scored, Sample, int | None] = (
        select(table, Sample, Truth.true_label)  # type: ignore[assignment]
        .join(Audit, Audit.id == table.audit_id)
        .join(Sample, (Sample.dataset_id == Audit.dataset_id) & (Sample.position == table.position))
        .outerjoin(Truth, (Truth.dataset_id == Sample.dataset_id) & (Truth.position == Sample.position))
        .where(table.audit_id == audit_id)
        .order_by(table.rank)
    )
    return statement


def _conditions(
    table: type[Score] | type[ProvisionalScore], audit_id: UUID, filters: Filters
) -> list[ColumnElement[bool]]:
    conditions = []
    if filters.given_label is not None:
        conditions.append(table.given_label == filters.given_label)
    if filters.suggested_label is not None:
        conditions.append(table.suggested_label == filters.suggested_label)
    if filters.is_label_issue is not None:
        conditions.append(table.is_label_issue.is_(filters.is_label_issue))
    if filters.review is not None:
        conditions.append(_reviewed(table, filters.review))
    # The distance falls with the rank, so that one look into its index bounds the ranks.
    within = select(table.rank).where(table.audit_id == audit_id)
    if filters.min_distance is not None:
        last = within.where(table.distance >= filters.min_distance).order_by(
            table.distance, table.rank.desc()
        )
        conditions.append(table.rank <= last.limit(1).scalar_subquery())
    if filters.max_distance is not None:
        first = within.where(table.distance <= filters.max_distance).order_by(
            table.distance.desc(), table.rank
        )
        conditions.append(table.rank >= first.limit(1).scalar_subquery())
    return conditions


def _reviewed(table: type[Score] | type[ProvisionalScore], state: ReviewState) -> ColumnElement[bool]:
    verdict = select(Review.verdict).where(
        Review.dataset_id == Audit.dataset_id, Review.position == table.position
    )
    if state == "none":
        return ~verdict.exists()
    return (verdict if state == "any" else verdict.where(Review.verdict == state)).exists()
