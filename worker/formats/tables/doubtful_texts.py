"""Texts of a column that look like something else than what they are read as, for what is said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from worker.formats.tables import cell_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.catalogue.column_types import ColumnType
    from worker.formats.shared.table_columns import TableColumn

MOSTLY = 0.95
"""Share of the cells, as for a type."""
_SIGN, _CURRENCY = r"[+\-\u2212\u2013]?", r"[$\u20ac\u00a3\u00a5]?"
_GROUPS = r"\d{1,3}([.,'\u2019 \u00a0\u202f]\d{3})+"
_NUMBER = re.compile(
    rf"\(?{_SIGN} ?{_CURRENCY} ?{_SIGN}({_GROUPS}|\d+)?([.,]\d+)? ?[%\u20ac$\u00a3\u00a5]?\)?"
)
_DIGIT = re.compile(r"\d")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2}}|\d{{1,2}}\.?[- /]{_MONTH}[- /,]+\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}}",
    re.IGNORECASE,
)
_DAY_NUMBER = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_PLAIN = re.compile(cell_texts.NUMBER)
_ZEROS = re.compile(r"[+-]?0\d+")
_EXAMPLES = 3


def find_likeness(values: Mapping[str, int]) -> str | None:
    """Return what the values of a column of categories look like, with one of them; None if like words."""
    odd = [value for value in values if _PLAIN.fullmatch(value) is None]
    for what, pattern in ("numbers", _NUMBER), ("dates", _DATE):
        fitting = {value for value in values if pattern.fullmatch(value) and _DIGIT.search(value)}
        example = next((value for value in odd if value in fitting), None)
        if example is not None and sum(values[each] for each in fitting) >= MOSTLY * sum(values.values()):
            return f"texts that look like {what}, such as {example!r}"
    return None


def find_leading_zero(values: Mapping[str, int]) -> str | None:
    """Return a whole number that begins with a zero, as codes do; None if there is none."""
    return next((value for value in values if _ZEROS.fullmatch(value)), None)


def find_day_number(values: Mapping[str, int]) -> str | None:
    """Return a value of a column whose numbers are days such as 20240531; None if they are not."""
    fitting = [value for value in values if _DAY_NUMBER.fullmatch(value)]
    is_most = sum(values[each] for each in fitting) >= MOSTLY * sum(values.values())
    return fitting[0] if fitting and is_most else None


def list_odd_values(values: Mapping[str, int], kind: ColumnType, column: TableColumn) -> list[str]:
    """Return the first values of a column of texts that are not of its type."""
    texts = pa.array(list(values), pa.string())
    if kind == "number":
        parsed = cell_texts.parse_numbers(
            texts, decimal_comma=column.decimal_comma, dot_thousands=column.dot_thousands
        )
    elif kind == "boolean":
        parsed = cell_texts.parse_booleans(texts)
    else:
        parsed = cell_texts.parse_dates(texts, column.day_format)
    odd: list[str] = texts.filter(pc.is_null(parsed)).slice(0, _EXAMPLES).to_pylist()
    return odd
