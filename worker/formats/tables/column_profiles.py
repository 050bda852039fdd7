"""What a column holds, counted over all of its cells before its type is chosen."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.formats.tables import cell_texts
from worker.formats.tables.number_texts import DOT_THOUSANDS, GROUPED, MAYBE_THOUSANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALUES_MAX = 20_000
"""Different values of a column that are counted one by one: 2 MB; of a column with more, the first ones."""
EXAMPLES = 3
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORDS = rf"[^\s{_UNSPACED}]+|[{_UNSPACED}]{{1,2}}"
"""A word; of scripts without blanks, two signs."""
NUMBER_MAX = 1e150
"""Larger numbers count as this: their squares would be infinite."""
TINY = 1e-12
"""Relative deviations below this are rounding."""


@dataclass(kw_only=True)
class Spread:
    """Mean and deviation of numbers that come block by block (Chan, Golub and LeVeque 1979)."""

    count: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared differences to the mean."""

    def add(self, values: NDArray[np.float64], weights: NDArray[np.int64] | None = None) -> None:
        """Add the finite values of a block, each as often as its weight says."""
        finite = np.isfinite(values)
        kept = values[finite].clip(-NUMBER_MAX, NUMBER_MAX)
        times = np.ones(len(kept)) if weights is None else weights[finite].astype(np.float64)
        if not times.sum():
            return
        mean = float(np.average(kept, weights=times))
        total = self.count + times.sum()
        moved = mean - self.mean
        self.squares += float(times @ np.square(kept - mean)) + moved**2 * self.count * times.sum() / total
        self.mean += moved * times.sum() / total
        self.count = total

    @property
    def deviation(self) -> float:
        """The standard deviation; 1 if all are equal."""
        deviation = math.sqrt(self.squares / max(self.count, 1))
        return deviation if deviation > TINY * max(abs(self.mean), 1) else 1.0


@dataclass(kw_only=True)
class ColumnProfile:
    """Counts over the cells of a column; `add` takes them block by block."""

    name: str
    rows: int = 0
    filled: int = 0
    """Cells that are not blank."""
    numbers: int = 0
    """Cells that are numbers, with a decimal point, a decimal comma or neither."""
    commas: int = 0
    """Those of them with a comma."""
    sure_commas: int = 0
    """Cells with a comma that cannot be one of thousands, also those with points of thousands."""
    points: int = 0
    """Cells with a point: then a comma is none of a decimal fraction."""
    thousands: int = 0
    """Those of them whose points may all be signs of thousands, as in 1.200."""
    grouped: int = 0
    """Cells whose points can only be signs of thousands, as in 1.234,5; not among `numbers`."""
    grouped_spread: Spread = field(default_factory=Spread)
    """Of the finite numbers, with points as signs of thousands; not complete if other points were found."""
    has_dot_thousands: bool = False
    """Whether points are read as signs of thousands: set when all columns are counted."""
    integers: int = 0
    numbers_spread: Spread = field(default_factory=Spread)
    """Of the finite numbers."""
    booleans: int = 0
    true_count: int = 0
    dates: Counter[str] = field(default_factory=Counter)
    """Cells that are dates, by the format of the day."""
    date_spreads: dict[str, Spread] = field(
        default_factory=lambda: {day_format: Spread() for day_format in cell_texts.DAY_FORMATS}
    )
    """Of their days since 1970."""
    words: int = 0
    values: Counter[str] = field(default_factory=Counter)
    """Cells by value; complete unless `has_more_values`."""
    has_more_values: bool = False
    no_numbers: list[str] = field(default_factory=list)
    """The first values that are no numbers of any notation."""
    counts_up: bool = True
    """Whether every cell is the one before plus 1."""
    foreign_type: str | None = None
    """The type of a column whose cells cannot be read at all."""
    _last: int | None = None

    def add(self, column: pa.Array) -> None:
        """Count the cells of one block."""
        column = cell_texts.unpack(column)
        kind = column.type
        self.rows += len(column)
        if cell_texts.is_text(kind):
            self._add_texts(cell_texts.trim(column).drop_null())
        elif pa.types.is_boolean(kind):
            self._add_booleans(column.drop_null())
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            self._add_numbers(column.cast(pa.float64(), safe=False).drop_null())
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            self._add_dates(column.drop_null())
        elif not pa.types.is_null(kind):
            self.foreign_type = str(kind)

    def _add_booleans(self, cells: pa.Array) -> None:
        self.filled += len(cells)
        self.booleans += len(cells)
        self.true_count += pc.sum(cells).as_py() or 0
        self._count_values(cells)

    def _add_numbers(self, cells: pa.Array) -> None:
        cells = cells.filter(pc.invert(pc.is_nan(cells)))
        values = cells.to_numpy(zero_copy_only=False)
        whole = np.isfinite(values) & (values == np.floor(values))
        self.filled += len(values)
        self.numbers += len(values)
        self.integers += int(whole.sum())
        self.numbers_spread.add(values)
        self._follow_count(values if whole.all() else None)
        self._count_values(cells)

    def _add_dates(self, cells: pa.Array) -> None:
        moments = cells.cast(pa.timestamp("us", getattr(cells.type, "tz", None)), safe=False)
        self.filled += len(cells)
        self.dates[cell_texts.DAY_FORMATS[0]] += len(cells)
        self.date_spreads[cell_texts.DAY_FORMATS[0]].add(cell_texts.count_days(moments))
        self._count_values(cells)

    def _add_texts(self, cells: pa.Array) -> None:
        self.filled += len(cells)
        try:
            numbers = cells.cast(pa.float64())
        except pa.ArrowInvalid:
            self._add_mixed_texts(cells)
        else:
            integer = cell_texts.match(cells, cell_texts.INTEGER)
            self.integers += pc.sum(integer).as_py() or 0
            self.points += len(cells) - (pc.sum(integer).as_py() or 0)
            self.numbers += len(cells)
            values = numbers.to_numpy(zero_copy_only=False)
            self.numbers_spread.add(values)
            self._follow_count(values if pc.all(integer).as_py() else None)
            self.thousands += pc.sum(cell_texts.match(cells, DOT_THOUSANDS)).as_py() or 0
            self._add_grouped(cells, None)
        self._count_values(cells)

    def _add_mixed_texts(self, cells: pa.Array) -> None:
        counted = pc.value_counts(cells)
        texts, weights = counted.field("values"), counted.field("counts").to_numpy()
        comma = cell_texts.is_decimal_comma(texts)
        is_number = pc.or_(cell_texts.match(texts, cell_texts.NUMBER), comma)
        sure = pc.and_not(comma, cell_texts.match(texts, MAYBE_THOUSANDS))
        integer = cell_texts.match(texts, cell_texts.INTEGER)
        self.numbers += _weigh(is_number, weights)
        self.commas += _weigh(comma, weights)
        self.sure_commas += _weigh(sure, weights)
        self.integers += _weigh(integer, weights)
        self.points += _weigh(pc.and_not(cell_texts.match(texts, cell_texts.NUMBER), integer), weights)
        self.thousands += _weigh(cell_texts.match(texts, DOT_THOUSANDS), weights)
        grouped = cell_texts.match(texts, GROUPED)
        self.grouped += _weigh(grouped, weights)
        self.sure_commas += _weigh(pc.and_(grouped, cell_texts.match(texts, ",")), weights)
        self._add_grouped(texts, weights)
        values = cell_texts.parse_numbers(texts, decimal_comma=True)
        self.numbers_spread.add(pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False), weights)
        self._follow_count(None)
        others = texts.filter(pc.invert(is_number))
        self.no_numbers = (self.no_numbers + others.slice(0, EXAMPLES).to_pylist())[:EXAMPLES]
        self.words += int(weights @ (pc.count_substring_regex(texts, WORDS).to_numpy()))
        booleans = cell_texts.parse_booleans(texts)
        self.booleans += _weigh(pc.is_valid(booleans), weights)
        self.true_count += _weigh(pc.fill_null(booleans, fill_value=False), weights)
        self._count_dates(texts, weights)

    def _add_grouped(self, texts: pa.Array, weights: NDArray[np.int64] | None) -> None:
        if self.points == self.thousands:
            values = cell_texts.parse_numbers(texts, decimal_comma=True, dot_thousands=True)
            numbers = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)
            self.grouped_spread.add(numbers, weights)

    def _count_dates(self, texts: pa.Array, weights: NDArray[np.int64]) -> None:
        alike = cell_texts.match(texts, cell_texts.MOMENT)
        if not pc.any(alike).as_py():
            return
        kept, counts = texts.filter(alike), weights[alike.to_numpy(zero_copy_only=False)]
        for day_format in cell_texts.DAY_FORMATS:
            moments = cell_texts.parse_dates(kept, day_format)
            self.dates[day_format] += _weigh(pc.is_valid(moments), counts)
            self.date_spreads[day_format].add(cell_texts.count_days(moments), counts)

    def _follow_count(self, values: NDArray[np.float64] | None) -> None:
        """Keep track of whether the column counts up; None: these cells do not."""
        if not self.counts_up or values is None:
            self.counts_up = False
        elif len(values):
            before = values[:1] - 1 if self._last is None else np.array([self._last])
            self.counts_up = bool((np.diff(np.concatenate([before, values])) == 1).all())
            self._last = int(values[-1]) if self.counts_up else None

    def _count_values(self, cells: pa.Array) -> None:
        """Count cells by value; above `VALUES_MAX` values only those known, and of numbers none."""
        if self.has_more_values and self.numbers == self.filled:
            return
        counted = pc.value_counts(cells)
        texts = write_categories(counted.field("values")).to_pylist()
        counts = dict(zip(texts, counted.field("counts").to_pylist(), strict=True))
        for text, count in counts.items():
            if text in self.values:
                self.values[text] += count
            elif len(self.values) < VALUES_MAX:
                self.values[text] = count
            else:
                self.has_more_values = True


def _weigh(mask: pa.Array, weights: NDArray[np.int64]) -> int:
    return int(weights[pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False)].sum())


def write_categories(column: pa.Array) -> pa.Array:
    """Return the cells of a column as categories: texts, whole numbers without a fraction, cut if long."""
    column = cell_texts.unpack(column)
    if cell_texts.is_text(column.type):
        return pc.utf8_slice_codeunits(cell_texts.trim(column), 0, cell_texts.CATEGORY_LENGTH)
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.float64(), safe=False)
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return pc.replace_substring_regex(column.cast(pa.string()), r"^(-?\d+)\.0+$", r"\1")
