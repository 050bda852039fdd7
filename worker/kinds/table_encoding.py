"""Cells of a table as a row of numbers, for a network. No label enters any of them.

A number stays as it is, a blank becomes the column's mean, and a column beside it says where. Each frequent
value of a category has a column, the rare ones share one; of columns with many values, also how frequent a
value is counts. A date becomes days, and its place in the year, the week and the day.

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
NUMBER_MAX = 1e30
"""Larger numbers are cut: squares of float32 end at 3e38, and deviations are measured by squares."""
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


def encode_cells(cells: pa.RecordBatch, plan: Sequence[EncodedValue]) -> NDArray[np.float32]:
    """Return encoded rows, float32 [n, D], finite unless a cell is infinite."""
    encoded = np.empty((cells.num_rows, len(plan)), dtype=np.float32)
    for place, value in enumerate(plan):
        encoded[:, place] = value.encode(cells.column(value.column))
    return encoded


def _plan_number(column: TableColumn) -> Iterator[EncodedValue]:
    mean = float(np.clip(column.mean, -NUMBER_MAX, NUMBER_MAX))

    def encode(cells: pa.Array) -> NDArray[np.float64]:
        values = _to_floats(cells, blank=mean)
        return np.where(np.isfinite(values), values.clip(-NUMBER_MAX, NUMBER_MAX), values)

    yield EncodedValue(column.name, column.name, encode)
    yield from _plan_blank(column)


def _plan_boolean(column: TableColumn) -> Iterator[EncodedValue]:
    yield EncodedValue(column.name, column.name, lambda cells: _to_floats(cells, blank=column.mean))
    yield from _plan_blank(column)


def _plan_blank(column: TableColumn) -> Iterator[EncodedValue]:
    if column.blanks:
        yield EncodedValue(f"{column.name} is blank", column.name, _mark_blanks)


def _plan_category(column: TableColumn) -> Iterator[EncodedValue]:
    frequent = [
        value
        for value, count in zip(column.values[:VALUES_MAX], column.counts, strict=False)
        if count >= VALUE_ROWS_MIN
    ]
    for value in frequent:
        yield EncodedValue(f"{column.name} = {value}", column.name, _make_marker(value))
    if len(column.values) > len(frequent):
        known = pa.array(frequent, pa.string())
        yield EncodedValue(
            f"{column.name} = other",
            column.name,
            lambda cells: 1 - _mark_blanks(cells) - _to_floats(pc.is_in(cells, value_set=known), blank=0),
        )
    if len(column.values) > VALUES_MAX:
        yield EncodedValue(f"{column.name}, how frequent", column.name, _make_frequency(column))
    yield from _plan_blank(column)


def _make_marker(value: str) -> Encode:
    return lambda cells: _to_floats(pc.equal(cells, value), blank=0)


def _make_frequency(column: TableColumn) -> Encode:
    """Return the encoding as the logarithm of 1 + the rows with this value."""
    values = pa.array(column.values, pa.string())
    logs = np.log1p(np.array([*column.counts, 0], dtype=np.float64))

    def encode(cells: pa.Array) -> NDArray[np.float64]:
        places = pc.fill_null(pc.index_in(cells, value_set=values), len(logs) - 1)
        found: NDArray[np.float64] = logs[places.to_numpy(zero_copy_only=False)]
        return found

    return encode


def _plan_date(column: TableColumn) -> Iterator[EncodedValue]:
    name = column.name
    yield EncodedValue(name, name, lambda cells: np.nan_to_num(_to_days(cells), nan=column.mean))
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
    seconds = pc.cast(cells, pa.int64())
    return _to_floats(seconds, blank=float("nan")) / (DAY_SECONDS * 1e6)


def _mark_blanks(cells: pa.Array) -> NDArray[np.float64]:
    return _to_floats(pc.is_null(cells), blank=0)


def _to_floats(cells: pa.Array, *, blank: float) -> NDArray[np.float64]:
    values: NDArray[np.float64] = pc.fill_null(cells.cast(pa.float64()), blank).to_numpy(zero_copy_only=False)
    return values
