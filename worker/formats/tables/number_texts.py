"""Columns of texts as numbers: truth values, missing values, decimal commas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from models.reading.label_texts import MISSING_NUMBERS
from worker.formats.shared.sample import CellsNeeded
from worker.kinds.feature_arrays import convert_to_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

MISSING = pa.array(sorted(MISSING_NUMBERS))
DECIMAL_COMMA = r"^[+-]?\d+,\d+([eE][+-]?\d+)?$"
MAYBE_THOUSANDS = r"^[+-]?[1-9]\d{0,2},\d{3}$"


def read_numbers(column: pa.Array, name: str, ingestion: Ingestion) -> NDArray[np.float32]:
    """Return a column of text or numbers as float32, NaN if missing; raise CellsNeeded for other values."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _parse_numbers(column.cast(pa.string()), name, ingestion)
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    elif pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    return convert_to_float32(column.to_numpy(zero_copy_only=False))


def _parse_numbers(column: pa.Array, name: str, ingestion: Ingestion) -> pa.Array:
    """Parse text as 64-bit floats."""
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    trimmed = pc.utf8_trim_whitespace(column)
    lower = pc.utf8_lower(trimmed)
    trimmed = pc.if_else(pc.is_in(lower, value_set=MISSING), pa.scalar(None, pa.string()), trimmed)
    trimmed = pc.if_else(pc.equal(lower, "true"), "1", trimmed)
    trimmed = pc.if_else(pc.equal(lower, "false"), "0", trimmed)
    trimmed = _replace_commas(trimmed, name, ingestion)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        raise CellsNeeded from None


def _replace_commas(column: pa.Array, name: str, ingestion: Ingestion) -> pa.Array:
    """Replace decimal commas, if a value shows that they are, and none has a point."""
    with_comma = pc.fill_null(pc.match_substring_regex(column, DECIMAL_COMMA), fill_value=False)
    if not pc.any(with_comma).as_py():
        return column
    maybe = pc.fill_null(pc.match_substring_regex(column, MAYBE_THOUSANDS), fill_value=False)
    with_point = pc.fill_null(pc.match_substring(column, "."), fill_value=False)
    if pc.any(with_point).as_py() or not pc.any(pc.and_not(with_comma, maybe)).as_py():
        return column
    ingestion.understood.note("decimal_comma", f"column {name!r} has decimal commas: 1,5 was read as 1.5")
    return pc.if_else(with_comma, pc.replace_substring(column, ",", "."), column)
