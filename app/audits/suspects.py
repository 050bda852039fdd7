"""Reading a ranking: keyset pages of suspects, one sample with its neighbours. Rank 1 comes first.

This module builds the statements; `app.fast_paths` runs them and builds the documents, because pages of
suspects are the most frequent requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache
from typing import Any, Literal, cast
from uuid import UUID

import numpy as np
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Float,
    FromClause,
    Integer,
    Select,
    Table,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.selectable import Subquery

from app.datasets.own_filters import OWN_CONDITIONS, OwnFilter, add_own_values
from app.datasets.sample_boxes import add_boxes
from app.fast_paths.raw_rows import compile_statement, fetch_rows
from app.fast_paths.suspect_documents import PLAIN, REVIEWED, TRANSLATED, Document, Row, build_documents
from app.infra.errors import NotFound
from app.kinds.shown_kinds import find_picture_addresses
from app.tables import (
    Audit,
    AuditStatus,
    CheckPlan,
    Dataset,
    Json,
    ProvisionalScore,
    Review,
    Sample,
    Score,
    Selection,
    Truth,
    Verdict,
)
from models.catalogue.upload_formats import BOX_FORMATS
from models.checks.settled_figures import SettledFigures

ReviewState = Literal["none", "any", "keep", "relabel", "drop", "unsure"]

AUDITS, DATASETS, SAMPLES, TRUTHS, REVIEWS, PLANS, SELECTIONS = (
    cast("Table", each.__table__) for each in (Audit, Dataset, Sample, Truth, Review, CheckPlan, Selection)
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
    own: OwnFilter | None = None
    selection: UUID | None = None
    """Samples that somebody selected on the map."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """An audit's ranking: its table, and what is needed to render its rows."""

    audit_id: UUID
    dataset_id: UUID
    status: str
    kind: str | None
    class_names: Sequence[str]
    own_columns: Sequence[Json] = ()
    """People's own columns."""
    has_boxes: bool = False
    """Whether samples are parts of pictures."""
    may_have_checks: bool = True
    """False: no random checks were begun."""
    settled: SettledFigures | None = None
    """The figures of its random checks, which probabilities and cut then follow."""

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
        own_columns=dataset.own_columns,
        has_boxes=dataset.format in BOX_FORMATS,
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
    dataset_id, status, kind, class_names, own_columns, format_name, has_checks = rows[0]
    return Ranking(
        audit_id=audit_id,
        dataset_id=dataset_id,
        status=status,
        kind=kind,
        class_names=class_names or [],
        own_columns=own_columns,
        has_boxes=format_name in BOX_FORMATS,
        may_have_checks=has_checks,
    )


@cache
def _select_audit() -> str:
    owner = func.coalesce(bindparam("workspace_id", type_=Uuid), AUDITS.c.workspace_id)
    has_checks = select(PLANS.c.audit_id).where(PLANS.c.audit_id == AUDITS.c.id)
    return compile_statement(
        select(
            AUDITS.c.dataset_id,
            AUDITS.c.status,
            DATASETS.c.kind,
            DATASETS.c.class_names,
            DATASETS.c.own_columns,
            DATASETS.c.format,
            has_checks.exists(),
        )
        .join_from(AUDITS, DATASETS, AUDITS.c.dataset_id == DATASETS.c.id)
        .where(AUDITS.c.id == bindparam("audit_id"), AUDITS.c.workspace_id == owner)
    )


def list_suspects(
    connection: Connection, ranking: Ranking, filters: Filters, *, after_rank: int, limit: int
) -> list[Document]:
    """Return suspects in order of rank, after the given rank."""
    chosen, parameters = _bind_filters(ranking, filters)
    statement = _select_page(ranking.table, frozenset(chosen), chosen.get("review"), limit)
    rows = fetch_rows(connection, statement, parameters | {"after_rank": after_rank})
    return _build_documents(connection, ranking, rows)


def match_filters(
    ranking: Ranking, filters: Filters
) -> tuple[Sequence[ColumnElement[bool]], Mapping[str, Any]]:
    """Return the conditions on a score that the filters set, and the parameters of these conditions."""
    chosen, parameters = _bind_filters(ranking, filters)
    return _list_conditions(ranking.table, frozenset(chosen), chosen.get("review")), parameters


def _bind_filters(ranking: Ranking, filters: Filters) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the filters that are set, by the name of their condition, and the statement's parameters."""
    chosen = {
        field.name: value for field in fields(filters) if (value := getattr(filters, field.name)) is not None
    }
    parameters: dict[str, Any] = {**ranking.parameters, **chosen}
    parameters.pop("own", None)
    if ranking.settled is not None and "is_label_issue" in chosen:
        chosen["is_label_issue_after_checks"] = chosen.pop("is_label_issue")
        parameters["cut"] = ranking.settled.cut
    if filters.own is not None:
        chosen[filters.own.condition] = chosen.pop("own")
        parameters |= filters.own.parameters
    return chosen, parameters


def read_suspect(connection: Connection, ranking: Ranking, position: int) -> Document:
    """Return one sample of a ranking.

    Raises:
        NotFound: the sample has no score, or none yet.

    """
    rows = fetch_rows(connection, _select_one(ranking.table), {**ranking.parameters, "position": position})
    if not rows:
        raise NotFound(f"audit {ranking.audit_id} has no score for position {position}")
    return _build_documents(connection, ranking, rows)[0]


def read_suspects(connection: Connection, ranking: Ranking, positions: Sequence[int]) -> list[Document]:
    """Return these samples of a ranking, in order of rank."""
    rows = fetch_rows(
        connection, _select_several(ranking.table), {**ranking.parameters, "positions": [*positions]}
    )
    return _build_documents(connection, ranking, rows)


def _build_documents(connection: Connection, ranking: Ranking, rows: Sequence[Row]) -> list[Document]:
    documents = list(build_documents(rows, ranking.class_names, ranking.pictures_at))
    if ranking.own_columns and documents:
        add_own_values(connection, ranking.dataset_id, documents)
    if ranking.has_boxes and documents:
        add_boxes(connection, ranking.dataset_id, documents)
    if ranking.settled is not None and documents:
        _follow_checks(documents, ranking.settled)
    return documents


def _follow_checks(documents: Sequence[Document], settled: SettledFigures) -> None:
    """Put the figures that rest on random checks in the place of the audit's own."""
    stored = np.array([_find_stored(document) for document in documents])
    corrected = settled.recalibration.apply(stored)
    for document, before, probability in zip(documents, stored.tolist(), corrected.tolist(), strict=True):
        document["error_probability"] = probability
        has_other = document["suggested_label"] != document["given_label"]
        document["is_label_issue"] = before > settled.cut and has_other


def _find_stored(document: Document) -> float:
    """Return `STORED_PROBABILITY` of a document."""
    probability, score = document["error_probability"], document["score"]
    if probability is not None:
        return float(probability)
    return float(document["distance"] / DISTANCE_MAX if score is None else score)


def find_neighbours(connection: Connection, ranking: Ranking, rank: int) -> tuple[int | None, int | None]:
    """Return the positions at the ranks before and after; None: no such rank."""
    scores = ranking.table.c
    statement = select(scores.rank, scores.position).where(
        scores.audit_id == ranking.audit_id, scores.rank.in_([rank - 1, rank + 1])
    )
    positions: dict[int, int] = dict(connection.execute(statement).all())
    return positions.get(rank - 1), positions.get(rank + 1)


def _list_conditions(
    table: Table, filters: frozenset[str], review: ReviewState | None
) -> Sequence[ColumnElement[bool]]:
    conditions = [CONDITIONS[name](table) for name in sorted(filters - {"review"})]
    return conditions if review is None else [*conditions, _check_review(table, review)]


@lru_cache(MOST_STATEMENTS)
def _select_page(table: Table, filters: frozenset[str], review: ReviewState | None, limit: int) -> str:
    conditions = _list_conditions(table, filters, review)
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


@cache
def _select_several(table: Table) -> str:
    is_named = table.c.position == any_(bindparam("positions", type_=ARRAY(Integer)))
    head = select(table).where(table.c.audit_id == bindparam("audit_id"), is_named).subquery("head")
    return compile_statement(_join_samples(head).order_by(head.c.rank))


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


DISTANCE_MAX = 2**0.5
"""The largest distance of two probability vectors: both are sure, of different classes."""
STORED_PROBABILITY = func.coalesce(
    FINAL.c.error_probability, FINAL.c.score, FINAL.c.distance / literal_column(str(DISTANCE_MAX), Double)
)
"""The error probability before any check; where an audit has none, what ranks, in [0, 1]."""
CONDITIONS: Mapping[str, Callable[[Table], ColumnElement[bool]]] = {
    "given_label": lambda table: table.c.given_label == bindparam("given_label"),
    "suggested_label": lambda table: table.c.suggested_label == bindparam("suggested_label"),
    "is_label_issue": lambda table: table.c.is_label_issue == bindparam("is_label_issue"),
    "is_label_issue_after_checks": lambda _: (
        is_flagged_after_checks() == bindparam("is_label_issue", type_=Boolean)
    ),
    "min_distance": lambda table: table.c.distance >= bindparam("min_distance", type_=Float),
    "max_distance": lambda table: table.c.distance <= bindparam("max_distance", type_=Float),
    "selection": lambda table: table.c.position.in_(_select_selected()),
    **OWN_CONDITIONS,
}
"""Condition on a score for each filter other than `review`."""


def _select_selected() -> Select[Any]:
    """Return the positions of a selection; one of another audit has none."""
    return select(func.unnest(SELECTIONS.c.positions)).where(
        SELECTIONS.c.id == bindparam("selection", type_=Uuid),
        SELECTIONS.c.audit_id == bindparam("audit_id", type_=Uuid),
    )


def is_flagged_after_checks() -> ColumnElement[bool]:
    """Return the condition on a final score that the cut of random checks, `:cut`, flags it."""
    above: ColumnElement[bool] = bindparam("cut", type_=Double) < STORED_PROBABILITY
    return above & (FINAL.c.suggested_label != FINAL.c.given_label)


def is_left_unsure() -> ColumnElement[bool]:
    """Return the condition on a review that an earlier version left its sample unsure."""
    unsure: ColumnElement[bool] = REVIEWS.c.verdict == literal_column(f"'{Verdict.UNSURE}'")
    return unsure & REVIEWS.c.carried.is_not(None)


def _check_review(table: Table, state: ReviewState) -> ColumnElement[bool]:
    verdict = (
        select(REVIEWS.c.verdict)
        .where(REVIEWS.c.dataset_id == bindparam("dataset_id"), REVIEWS.c.position == table.c.position)
        .correlate(table)  # the statement around it may join reviews, too
    )
    if state == "none":
        return ~verdict.where(~is_left_unsure()).exists()
    return (verdict if state == "any" else verdict.where(REVIEWS.c.verdict == bindparam("review"))).exists()
