"""Where the errors of an audit come from: samples grouped by each of people's own columns.

Shape suffix: N samples in order of rank.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Double,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
)

from app.reviews.audit_opinion import Basis, DecidedSamples, form_opinion
from app.reviews.verdicts import require_own_labels
from app.tables import Audit, Dataset, Json, OwnValues, Score
from models.checks.group_shares import GroupShare, Ranks, compare_groups

VALUES_MAX = 30
"""Of a column that are compared, the most frequent first; more would be no table that a person reads."""
BINS = 5
"""Of a column of numbers: quintiles, so that each has enough samples."""
AUDITS_MAX = 4
EMPTY: ColumnClause[bytes] = literal_column("''::bytea")
_kept: "OrderedDict[UUID, tuple[int, list[Grouped]]]" = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """The samples with one value, or with numbers in one bin."""

    value: str | None
    """None: the value is missing."""
    ranks: Ranks
    low: float | None = None
    high: float | None = None
    """Smallest and largest number of a bin."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouped:
    """A column's groups."""

    name: str
    kind: str
    groups: list[Group]
    other_values: int
    """Values that are too rare to be listed."""
    other_samples: int


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A group with what is said of it."""

    group: Group
    share: GroupShare
    reviewed: int
    found_wrong: int
    checked: int
    checked_wrong: int


@dataclass(frozen=True, kw_only=True)
class ErrorSources:
    """The table of where errors come from."""

    basis: Basis
    rests_on: str
    comparisons: int
    columns: list[tuple[Grouped, list[Judged]]]


def find_sources(connection: Connection, audit: Audit, dataset: Dataset) -> ErrorSources:
    """Return the groups of all columns, each compared with all other samples.

    Raises:
        Invalid: the audit is a rehearsal.

    """
    require_own_labels(audit)
    columns = _read_columns(connection, audit, dataset)
    opinion, basis, rests_on = form_opinion(connection, audit)
    comparisons = sum(len(column.groups) for column in columns)
    verdicts = DecidedSamples.read(connection, audit, len(opinion.given_N))
    opinion = verdicts.decide(opinion)
    judged = []
    for column in columns:
        shares = compare_groups([each.ranks for each in column.groups], opinion, comparisons=comparisons)
        pairs = zip(column.groups, shares, strict=True)
        judged.append((column, [_judge(verdicts, group, share) for group, share in pairs]))
    return ErrorSources(basis=basis, rests_on=rests_on, comparisons=comparisons, columns=judged)


def _judge(verdicts: DecidedSamples, group: Group, share: GroupShare) -> Judged:
    """Count the verdicts on a group."""
    at = group.ranks - 1
    is_wrong, is_decided = verdicts.is_wrong_N[at], verdicts.is_wrong_N[at] | verdicts.is_right_N[at]
    is_drawn = verdicts.is_drawn_N[at]
    return Judged(
        group=group,
        share=share,
        reviewed=int(is_decided.sum()),
        found_wrong=int(is_wrong.sum()),
        checked=int((is_decided & is_drawn).sum()),
        checked_wrong=int((is_wrong & is_drawn).sum()),
    )


def _read_columns(connection: Connection, audit: Audit, dataset: Dataset) -> list[Grouped]:
    """Return the groups of all columns; they are kept until columns are attached."""
    with _lock:
        kept = _kept.get(audit.id)
    if kept is not None and kept[0] == dataset.own_version:
        return kept[1]
    columns = [_read_column(connection, audit, column) for column in dataset.own_columns]
    with _lock:
        _kept[audit.id] = (dataset.own_version, columns)
        _kept.move_to_end(audit.id)
        while len(_kept) > AUDITS_MAX:
            _kept.popitem(last=False)
    return columns


def _read_column(connection: Connection, audit: Audit, column: Json) -> Grouped:
    if column["kind"] == "number":
        return _bin_numbers(connection, audit, column["name"])
    value = func.jsonb_extract_path_text(OwnValues.document, literal(column["name"], Text))
    rows = connection.execute(
        select(value, func.string_agg(func.int4send(Score.rank), EMPTY))
        .join_from(Score, OwnValues, _match(audit), isouter=True)
        .where(Score.audit_id == audit.id)
        .group_by(value)
    ).all()
    found = [Group(value=row[0], ranks=_parse_ranks(row[1])) for row in rows]
    values = sorted((each for each in found if each.value is not None), key=_sort)
    listed = values[:VALUES_MAX] + [each for each in found if each.value is None]
    return Grouped(
        name=column["name"],
        kind="text",
        groups=listed,
        other_values=max(0, len(values) - VALUES_MAX),
        other_samples=sum(len(each.ranks) for each in values[VALUES_MAX:]),
    )


def _sort(group: Group) -> tuple[int, str]:
    return -len(group.ranks), str(group.value)


def _bin_numbers(connection: Connection, audit: Audit, name: str) -> Grouped:
    """Return the groups of a column of numbers: bins with about as many samples each."""
    text = func.jsonb_extract_path_text(OwnValues.document, literal(name, Text))
    number = func.coalesce(cast(text, Double), literal("NaN", Double))
    record = func.float8send(number).op("||")(func.int4send(Score.rank))
    raw = connection.scalar(
        select(func.string_agg(record, EMPTY))
        .join_from(Score, OwnValues, _match(audit), isouter=True)
        .where(Score.audit_id == audit.id)
    )
    rows = np.frombuffer(raw or b"", np.dtype([("number", ">f8"), ("rank", ">i4")]))
    numbers, ranks = rows["number"].astype(np.float64), rows["rank"].astype(np.int64)
    is_known = np.isfinite(numbers)
    groups = [_make_bin(numbers[chosen], ranks[chosen]) for chosen in _split(numbers, is_known)]
    if not is_known.all():
        groups.append(Group(value=None, ranks=ranks[~is_known]))
    return Grouped(name=name, kind="number", groups=groups, other_values=0, other_samples=0)


def _split(
    numbers: npt.NDArray[np.float64], is_known: npt.NDArray[np.bool_]
) -> Sequence[npt.NDArray[np.bool_]]:
    if not is_known.any():
        return []
    edges = np.unique(np.quantile(numbers[is_known], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.where(is_known, np.searchsorted(edges, numbers, side="left"), -1)
    return [bins == each for each in np.unique(bins[is_known])]


def _make_bin(numbers: npt.NDArray[np.float64], ranks: Ranks) -> Group:
    low, high = float(numbers.min()), float(numbers.max())
    return Group(value=f"{low:.4g} to {high:.4g}", ranks=ranks, low=low, high=high)


def _match(audit: Audit) -> ColumnElement[bool]:
    return (OwnValues.dataset_id == audit.dataset_id) & (OwnValues.position == Score.position)


def _parse_ranks(raw: bytes) -> Ranks:
    return np.frombuffer(raw, ">i4").astype(np.int64)
