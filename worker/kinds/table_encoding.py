"""Cells of a table as a row of numbers on one scale, for a network. No label enters any of them.

A number is counted in deviations from its column's mean; a blank becomes the mean, and a value beside it
says where. Each frequent value of a category has a place of its own, the rare ones share one; together they
vary as much as one number. Of columns with many values it also counts how frequent the value is. A date is a
number of days, and its places in the year, the week and the day.

Array names: n rows of a block, D values of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.table_columns import TableColumn

    Encode = Callable[[pa.Array], NDArray[np.float64]]

VALUES_MAX = 32
"""Values of a category with a column of their own."""
VALUE_ROWS_MIN = 3
"""Fewest rows of such a value: what fewer rows share, a network can only learn by heart."""
FARTHEST = 1e6
"""Deviations at which a number is cut: far beyond what a network takes, and their squares are finite."""
LEAST_SPREAD = 0.01
"""Of a category that nearly always has the same value: its marks are at most ten times as loud."""
DAY_SECONDS, WEEK_DAYS, YEAR_DAYS = 86_400, 7, 365.2425
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""


@dataclass(frozen=True)
class EncodedValue:
    """One value of the encoded row."""

    name: str
    column: str
    encode: Encode


def plan_encoding(described: Sequence[TableColumn]) -> list[EncodedValue]:
    """Return the values [D] of an encoded row."""
    plans = {
        "number": _plan_number,
        "boolean": _plan_boolean,
        "date": _plan_date,
        "category": _plan_category,
    }
    return [value for column in described for value in plans[column.type](column)]


def encode_cells(cells: pa.RecordBatch, plan: Sequence[EncodedValue]) -> NDArray[np.float64]:
    """Return encoded rows, float64 [n, D], finite unless a cell is infinite."""
    encoded = np.empty((cells.num_rows, len(plan)), dtype=np.float64)
    for place, value in enumerate(plan):
        encoded[:, place] = value.encode(cells.column(value.column))
    return encoded


def _plan_number(column: TableColumn) -> Iterator[EncodedValue]:
    yield EncodedValue(column.name, column.name, _standardise(_to_floats, column))
    yield from _plan_blank(column)


def _plan_boolean(column: TableColumn) -> Iterator[EncodedValue]:
    yield from _plan_number(column)


def _standardise(read: Encode, column: TableColumn) -> Encode:
    """Return deviations from the mean; 0 where blank."""

    def encode(cells: pa.Array) -> NDArray[np.float64]:
        values = read(cells)
        with np.errstate(over="ignore"):
            standard = ((values - column.mean) / column.deviation).clip(-FARTHEST, FARTHEST)
        return np.where(np.isnan(values), 0.0, np.where(np.isinf(values), values, standard))

    return encode


def _plan_blank(column: TableColumn) -> Iterator[EncodedValue]:
    """Mark blanks by 1: a rare mark varies less than a number."""
    if column.blanks:
        yield EncodedValue(f"{column.name} is blank", column.name, _mark_blanks)


def _plan_category(column: TableColumn) -> Iterator[EncodedValue]:
    name, rows = column.name, max(column.rows, 1)
    frequent = {
        value: count / rows
        for value, count in zip(column.values[:VALUES_MAX], column.counts, strict=False)
        if count >= VALUE_ROWS_MIN
    }
    blank = column.blanks / rows
    other = max(1 - blank - sum(frequent.values()), 0.0)
    # Marks of places with shares p vary by the sum of p (1 - p), which is 1 - the sum of squares.
    spread = 1 - sum(share**2 for share in (*frequent.values(), blank, other))
    scale = 1 / np.sqrt(max(spread, LEAST_SPREAD))
    for value, share in frequent.items():
        yield EncodedValue(f"{name} = {value}", name, _scale(_make_marker(value), share, scale))
    if len(column.values) > len(frequent):
        yield EncodedValue(f"{name} = other", name, _scale(_make_other_marker([*frequent]), other, scale))
    if column.blanks:
        yield EncodedValue(f"{name} is blank", name, _scale(_mark_blanks, blank, scale))
    if len(column.values) > VALUES_MAX:
        yield EncodedValue(f"{name}, how frequent", name, _make_frequency(column))


def _scale(encode: Encode, share: float, scale: float) -> Encode:
    return lambda cells: (encode(cells) - share) * scale


def _make_marker(value: str) -> Encode:
    return lambda cells: _mark(pc.equal(cells, value))


def _make_other_marker(frequent: Sequence[str]) -> Encode:
    known = pa.array(frequent, pa.string())
    return lambda cells: 1 - _mark_blanks(cells) - _mark(pc.is_in(cells, value_set=known))


def _make_frequency(column: TableColumn) -> Encode:
    """Return the logarithm of 1 + the rows with this value, in deviations from its mean; 0 where blank."""
    values = pa.array(column.values, pa.string())
    counts = np.array(column.counts, dtype=np.float64)
    logs = np.log1p(counts)
    mean = np.average(logs, weights=counts)
    deviation = np.sqrt(np.average(np.square(logs - mean), weights=counts)) or 1.0
    standard = np.append((np.append(logs, 0.0) - mean) / deviation, 0.0)

    def encode(cells: pa.Array) -> NDArray[np.float64]:
        places = pc.fill_null(pc.index_in(cells, value_set=values), len(logs))
        blank = pc.is_null(cells).to_numpy(zero_copy_only=False)
        found: NDArray[np.float64] = standard[
            np.where(blank, len(logs) + 1, places.to_numpy(zero_copy_only=False))
        ]
        return found

    return encode


def _plan_date(column: TableColumn) -> Iterator[EncodedValue]:
    name = column.name
    yield EncodedValue(name, name, _standardise(_to_days, column))
    for part, length, start in (
        ("year", YEAR_DAYS, 0.0),
        ("week", float(WEEK_DAYS), float(EPOCH_WEEKDAY)),
        ("day", 1.0, 0.0),
    ):
        for wave in (np.sin, np.cos):
            yield EncodedValue(
                f"{name}, {wave.__name__} of the {part}", name, _make_wave(wave, length, start)
            )
    yield from _plan_blank(column)


def _make_wave(wave: np.ufunc, length: float, start: float) -> Encode:
    def encode(cells: pa.Array) -> NDArray[np.float64]:
        days = _to_days(cells)
        if length > 1:  # the time of day is none of the week or year
            days = np.floor(days)
        turned = wave(2 * np.pi * np.mod(days + start, length) / length)
        filled: NDArray[np.float64] = np.nan_to_num(turned, nan=0.0)
        return filled

    return encode


def _to_days(cells: pa.Array) -> NDArray[np.float64]:
    """Return days since 1970 [n]; NaN where blank."""
    return _to_floats(pc.cast(cells, pa.int64())) / (DAY_SECONDS * 1e6)


def _mark_blanks(cells: pa.Array) -> NDArray[np.float64]:
    return _mark(pc.is_null(cells))


def _mark(places: pa.Array) -> NDArray[np.float64]:
    """Return 1 where true, else 0."""
    marks: NDArray[np.float64] = pc.fill_null(places, fill_value=False).to_numpy(zero_copy_only=False)
    return marks.astype(np.float64)


def _to_floats(cells: pa.Array) -> NDArray[np.float64]:
    """Return numbers [n]; NaN where blank."""
    values: NDArray[np.float64] = pc.fill_null(cells.cast(pa.float64(), safe=False), float("nan")).to_numpy(
        zero_copy_only=False
    )
    return values
