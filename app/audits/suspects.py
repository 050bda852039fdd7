"""Reading a ranking: keyset pages of suspects, one sample with its neighbours. Rank 1 comes first.

This module builds the statements; `app.fast_paths` runs them and builds the documents, because pages of
suspects are the most frequent requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    Select,
    Table,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.selectable import Subquery

from app.fast_paths.raw_rows import compile_statement, fetch_rows
from app.fast_paths.suspect_documents import PLAIN, REVIEWED, TRANSLATED, Document, build_documents
from app.infra.errors import NotFound
from app.kinds.shown_kinds import find_picture_addresses
from app.tables import Audit, AuditStatus, Dataset, ProvisionalScore, Review, Sample, Score, Truth

ReviewState = Literal["none", "any", "keep", "relabel", "drop", "unsure"]

AUDITS, DATASETS, SAMPLES, TRUTHS, REVIEWS = (
    cast("Table", each.__table__) for each in (Audit, Dataset, Sample, Truth, Review)
)
FINAL, PROVISIONAL = cast("Table", Score.__table__), cast("Table", ProvisionalScore.__table__)
MOST_STATEMENTS = 256
"""Compiled statements to cache: one for every page length and set of filters."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which suspects to list; None: all."""

    given_label: int | None = None
    suggested_label: int | None = None
    min_distance: float | None = None
    max_distance: float | None = None
    is_label_issue: bool | None = None
    review: ReviewState | None = None


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """An audit's ranking: its table, and what is needed to render its rows."""

    audit_id: UUID
    dataset_id: UUID
    status: str
    kind: str | None
    class_names: Sequence[str]

    @cached_property
    def pictures_at(self) -> str | None:
        """Common prefix of the pictures' URLs; None: no pictures."""
        return find_picture_addresses(self.kind, self.dataset_id)

    @property
    def table(self) -> Table:
        """The table of scores; the provisional one until the audit has succeeded."""
        return FINAL if self.status == AuditStatus.SUCCEEDED else PROVISIONAL

    @property
    def parameters(self) -> dict[str, UUID]:
        """Parameters of every statement on this ranking."""
        return {"audit_id": self.audit_id, "dataset_id": self.dataset_id}


def make_ranking(audit: Audit, dataset: Dataset) -> Ranking:
    """Return the ranking of an audit."""
    return Ranking(
        audit_id=audit.id,
        dataset_id=dataset.id,
        status=audit.status,
        kind=dataset.kind,
        class_names=dataset.class_names or [],
    )


def find_ranking(connection: Connection, audit_id: UUID, *, workspace_id: UUID | None) -> Ranking:
    """Return the ranking of an audit of this workspace; None: any workspace.

    Raises:
        NotFound: the audit does not exist, or belongs to another workspace.

    """
    parameters = {"audit_id": audit_id, "workspace_id": workspace_id}
    rows = fetch_rows(connection, _select_audit(), parameters)
    if not rows:
        raise NotFound(f"there is no audit {audit_id}")
    dataset_id, status, kind, class_names = rows[0]
    return Ranking(
        audit_id=audit_id,
        dataset_id=dataset_id,
        status=status,
        kind=kind,
        class_names=class_names or [],
    )


@cache
def _select_audit() -> str:
    owner = func.coalesce(bindparam("workspace_id", type_=Uuid), AUDITS.c.workspace_id)
    return compile_statement(
        select(AUDITS.c.dataset_id, AUDITS.c.status, DATASETS.c.kind, DATASETS.c.class_names)
        .join_from(AUDITS, DATASETS, AUDITS.c.dataset_id == DATASETS.c.id)
        .where(AUDITS.c.id == bindparam("audit_id"), AUDITS.c.workspace_id == owner)
    )


def list_suspects(
    connection: Connection, ranking: Ranking, filters: Filters, *, after_rank: int, limit: int
) -> list[Document]:
    """Return suspects in order of rank, after the given rank."""
    chosen = {
        field.name: value for field in fields(filters) if (value := getattr(filters, field.name)) is not None
    }
    statement = _select_page(ranking.table, frozenset(chosen), chosen.get("review"), limit)
    rows = fetch_rows(connection, statement, {**ranking.parameters, **chosen, "after_rank": after_rank})
    return list(build_documents(rows, ranking.class_names, ranking.pictures_at))


def read_suspect(connection: Connection, ranking: Ranking, position: int) -> Document:
    """Return one sample of a ranking.

    Raises:
        NotFound: the sample has no score, or none yet.

    """
    rows = fetch_rows(connection, _select_one(ranking.table), {**ranking.parameters, "position": position})
    if not rows:
        raise NotFound(f"audit {ranking.audit_id} has no score for position {position}")
    return next(build_documents(rows, ranking.class_names, ranking.pictures_at))


def find_neighbours(connection: Connection, ranking: Ranking, rank: int) -> tuple[int | None, int | None]:
    """Return the positions at the ranks before and after; None: no such rank."""
    scores = ranking.table.c
    statement = select(scores.rank, scores.position).where(
        scores.audit_id == ranking.audit_id, scores.rank.in_([rank - 1, rank + 1])
    )
    positions: dict[int, int] = dict(connection.execute(statement).all())
    return positions.get(rank - 1), positions.get(rank + 1)


@lru_cache(MOST_STATEMENTS)
def _select_page(table: Table, filters: frozenset[str], review: ReviewState | None, limit: int) -> str:
    conditions = [CONDITIONS[name](table) for name in sorted(filters - {"review"})]
    if review is not None:
        conditions.append(_check_review(table, review))
    # Select the scores first: in one join with samples, the planner reads and sorts both tables completely.
    head = (
        select(table)
        .where(table.c.audit_id == bindparam("audit_id"), table.c.rank > bindparam("after_rank"), *conditions)
        .order_by(table.c.rank)
        # A literal: the planner assumes that a parameter means a tenth of all rows.
        .limit(literal_column(str(limit), Integer))
        .subquery("head")
    )
    return compile_statement(_join_samples(head).order_by(head.c.rank))


@cache
def _select_one(table: Table) -> str:
    conditions = (table.c.audit_id == bindparam("audit_id"), table.c.position == bindparam("position"))
    return compile_statement(_join_samples(select(table).where(*conditions).subquery("head")))


def _join_samples(head: Subquery) -> Select[Any]:
    """Join scores with samples, truth and reviews, with the columns in the order of `build_documents`."""

    def match(table: Table) -> ColumnElement[bool]:
        return (table.c.dataset_id == bindparam("dataset_id")) & (table.c.position == head.c.position)

    other_columns = {"key": SAMPLES.c.key, "split": SAMPLES.c.split, "true_label": TRUTHS.c.true_label}
    columns = [
        other_columns[name] if name in other_columns else head.c[name] for name in (*PLAIN, *TRANSLATED)
    ]
    joined: FromClause = head.join(SAMPLES, match(SAMPLES))
    joined = joined.outerjoin(TRUTHS, match(TRUTHS)).outerjoin(REVIEWS, match(REVIEWS))
    return select(*columns, *(REVIEWS.c[name] for name in REVIEWED)).select_from(joined)


CONDITIONS: Mapping[str, Callable[[Table], ColumnElement[bool]]] = {
    "given_label": lambda table: table.c.given_label == bindparam("given_label"),
    "suggested_label": lambda table: table.c.suggested_label == bindparam("suggested_label"),
    "is_label_issue": lambda table: table.c.is_label_issue == bindparam("is_label_issue"),
    "min_distance": lambda table: table.c.distance >= bindparam("min_distance", type_=Float),
    "max_distance": lambda table: table.c.distance <= bindparam("max_distance", type_=Float),
}
"""Condition on a score for each filter other than `review`."""


def _check_review(table: Table, state: ReviewState) -> ColumnElement[bool]:
    verdict = select(REVIEWS.c.verdict).where(
        REVIEWS.c.dataset_id == bindparam("dataset_id"), REVIEWS.c.position == table.c.position
    )
    if state == "none":
        return ~verdict.exists()
    return (verdict if state == "any" else verdict.where(REVIEWS.c.verdict == bindparam("review"))).exists()
