"""Reading a ranking: keyset pages of suspects, one sample with its neighbours. Rank 1 comes first.

The statements are built here and run and made documents of by `app.fast_paths`, since a page is asked for
more often than anything else.
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
"""Kept compiled: one for every length of a page and set of filters."""


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
    """An audit's ranking: where it is read from, and what its numbers mean."""

    audit_id: UUID
    dataset_id: UUID
    status: str
    kind: str | None
    class_names: Sequence[str]

    @cached_property
    def pictures_at(self) -> str | None:
        """What the addresses of all pictures begin with; None without pictures."""
        return find_picture_addresses(self.kind, self.dataset_id)

    @property
    def table(self) -> Table:
        """The scores; provisional ones until the audit has succeeded."""
        return FINAL if self.status == AuditStatus.SUCCEEDED else PROVISIONAL

    @property
    def parameters(self) -> dict[str, UUID]:
        """What every statement over this ranking needs."""
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
    """Return the ranking of an audit of this workspace; None: of any.

    Raises:
        NotFound: there is no such audit, or it is another workspace's.

    """
    wanted = {"audit_id": audit_id, "workspace_id": workspace_id}
    rows = fetch_rows(connection, _select_audit(), wanted)
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
    """Return suspects in order of rank, after a rank."""
    asked = {
        field.name: value for field in fields(filters) if (value := getattr(filters, field.name)) is not None
    }
    statement = _select_page(ranking.table, frozenset(asked), asked.get("review"), limit)
    rows = fetch_rows(connection, statement, {**ranking.parameters, **asked, "after_rank": after_rank})
    return list(build_documents(rows, ranking.class_names, ranking.pictures_at))


def read_suspect(connection: Connection, ranking: Ranking, position: int) -> Document:
    """Return one sample of a ranking.

    Raises:
        NotFound: it has no score, or none yet.

    """
    rows = fetch_rows(connection, _select_one(ranking.table), {**ranking.parameters, "position": position})
    if not rows:
        raise NotFound(f"audit {ranking.audit_id} has no score for position {position}")
    return next(build_documents(rows, ranking.class_names, ranking.pictures_at))


def find_neighbours(connection: Connection, ranking: Ranking, rank: int) -> tuple[int | None, int | None]:
    """Return the positions ranked just before and just after."""
    scores = ranking.table.c
    statement = select(scores.rank, scores.position).where(
        scores.audit_id == ranking.audit_id, scores.rank.in_([rank - 1, rank + 1])
    )
    positions: dict[int, int] = dict(connection.execute(statement).all())
    return positions.get(rank - 1), positions.get(rank + 1)


@lru_cache(MOST_STATEMENTS)
def _select_page(table: Table, asked: frozenset[str], review: ReviewState | None, limit: int) -> str:
    conditions = [CONDITIONS[name](table) for name in sorted(asked - {"review"})]
    if review is not None:
        conditions.append(_check_review(table, review))
    # The scores alone first: joined with the samples, the planner would rather read and sort all of both.
    head = (
        select(table)
        .where(table.c.audit_id == bindparam("audit_id"), table.c.rank > bindparam("after_rank"), *conditions)
        .order_by(table.c.rank)
        # Written into the statement: of a parameter the planner would think that it means a tenth of all.
        .limit(literal_column(str(limit), Integer))
        .subquery("head")
    )
    return compile_statement(_join_samples(head).order_by(head.c.rank))


@cache
def _select_one(table: Table) -> str:
    wanted = (table.c.audit_id == bindparam("audit_id"), table.c.position == bindparam("position"))
    return compile_statement(_join_samples(select(table).where(*wanted).subquery("head")))


def _join_samples(head: Subquery) -> Select[Any]:
    """Return the scores with what is known of their samples, in the order that `build_documents` takes."""

    def same(table: Table) -> ColumnElement[bool]:
        return (table.c.dataset_id == bindparam("dataset_id")) & (table.c.position == head.c.position)

    elsewhere = {"key": SAMPLES.c.key, "split": SAMPLES.c.split, "true_label": TRUTHS.c.true_label}
    columns = [elsewhere[name] if name in elsewhere else head.c[name] for name in (*PLAIN, *TRANSLATED)]
    joined: FromClause = head.join(SAMPLES, same(SAMPLES))
    joined = joined.outerjoin(TRUTHS, same(TRUTHS)).outerjoin(REVIEWS, same(REVIEWS))
    return select(*columns, *(REVIEWS.c[name] for name in REVIEWED)).select_from(joined)


CONDITIONS: Mapping[str, Callable[[Table], ColumnElement[bool]]] = {
    "given_label": lambda table: table.c.given_label == bindparam("given_label"),
    "suggested_label": lambda table: table.c.suggested_label == bindparam("suggested_label"),
    "is_label_issue": lambda table: table.c.is_label_issue == bindparam("is_label_issue"),
    "min_distance": lambda table: table.c.distance >= bindparam("min_distance", type_=Float),
    "max_distance": lambda table: table.c.distance <= bindparam("max_distance", type_=Float),
}
"""What a filter other than `review` asks of a score."""


def _check_review(table: Table, state: ReviewState) -> ColumnElement[bool]:
    verdict = select(REVIEWS.c.verdict).where(
        REVIEWS.c.dataset_id == bindparam("dataset_id"), REVIEWS.c.position == table.c.position
    )
    if state == "none":
        return ~verdict.exists()
    return (verdict if state == "any" else verdict.where(REVIEWS.c.verdict == bindparam("review"))).exists()
