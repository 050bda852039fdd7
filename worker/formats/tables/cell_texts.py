"""Cells of a table as texts: which are blank, numbers, truth values or dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from worker.formats.tables.number_texts import DECIMAL_COMMA, DOT_THOUSANDS, GROUPED, MISSING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
INTEGER = r"^[+-]?\d+$"
TRUE_WORDS, FALSE_WORDS = pa.array(["true", "yes", "t", "y"]), pa.array(["false", "no", "f", "n"])
CATEGORY_LENGTH = 200
"""Characters of a category that count; a longer one is cut."""
DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y")
"""The month comes first in what could be read both ways, unless a value shows the contrary."""
MOMENT = (
    r"^(?P<day>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})"
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?)?"
    r"\s*(?:Z|UTC|[+-]\d\d:?\d\d)?$"
)
DAY_MICROSECONDS = 86_400_000_000
SECONDS = {"hour": 3600, "minute": 60, "second": 1}


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def unpack(column: pa.Array) -> pa.Array:
    """Return the values of a column that may be dictionary-encoded."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def trim(column: pa.Array) -> pa.Array:
    """Return texts without blanks at the ends; what means "nothing" is null."""
    trimmed = pc.utf8_trim_whitespace(column.cast(pa.string()))
    missing = pc.is_in(pc.utf8_lower(trimmed), value_set=MISSING)
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)


def match(texts: pa.Array, pattern: str) -> pa.Array:
    """Return which texts a pattern fits; null does not."""
    return pc.fill_null(pc.match_substring_regex(texts, pattern), fill_value=False)


def is_decimal_comma(texts: pa.Array) -> pa.Array:
    """Return which texts are numbers with a comma."""
    return match(texts, DECIMAL_COMMA)


def parse_numbers(texts: pa.Array, *, decimal_comma: bool, dot_thousands: bool = False) -> pa.Array:
    """Return trimmed texts as float64; null for what is no number."""
    if dot_thousands:
        grouped = pc.or_(match(texts, DOT_THOUSANDS), match(texts, GROUPED))
        texts = pc.if_else(grouped, pc.replace_substring(texts, ".", ""), texts)
    if decimal_comma:
        texts = pc.if_else(is_decimal_comma(texts), pc.replace_substring(texts, ",", "."), texts)
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        usable = pc.or_(match(texts, NUMBER), match(pc.utf8_lower(texts), r"^[+-]?inf(inity)?$"))
        return pc.if_else(usable, texts, pa.scalar(None, pa.string())).cast(pa.float64())


def parse_booleans(texts: pa.Array) -> pa.Array:
    """Return trimmed texts as truth values; null for what is none."""
    lower = pc.utf8_lower(texts)
    is_true, is_false = (pc.is_in(lower, value_set=words) for words in (TRUE_WORDS, FALSE_WORDS))
    return pc.if_else(pc.or_(is_true, is_false), is_true, pa.scalar(None, pa.bool_()))


def parse_dates(texts: pa.Array, day_format: str) -> pa.Array:
    """Return trimmed texts as timestamps; null for what is no date of this form. Time zones do not count."""
    parts = pc.extract_regex(texts, MOMENT)
    day = pc.strptime(pc.struct_field(parts, "day"), format=day_format, unit="us", error_is_null=True)
    seconds = pa.array([0] * len(texts), pa.int64())
    for name, length in SECONDS.items():
        part = pc.struct_field(parts, name)
        filled = pc.if_else(pc.equal(part, ""), "0", part)
        seconds = pc.add(seconds, pc.multiply(pc.fill_null(filled.cast(pa.int64()), 0), length))
    return pc.add(day, pc.multiply(seconds, 1_000_000).cast(pa.duration("us")))


def count_days(moments: pa.Array) -> NDArray[np.float64]:
    """Return timestamps in microseconds as days since 1970; NaN for null."""
    numbers = pc.fill_null(moments.cast(pa.int64()).cast(pa.float64(), safe=False), float("nan"))
    days: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False) / DAY_MICROSECONDS
    return days
