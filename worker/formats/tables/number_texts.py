"""Columns of texts as numbers: truth values, missing values, decimal commas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.reading.label_texts import MISSING_NUMBERS
from worker.formats.shared.sample import CellsNeeded
from worker.kinds.feature_arrays import convert_to_float32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

MISSING = pa.array(sorted(MISSING_NUMBERS))
DECIMAL_COMMA = r"^[+-]?\d+,\d+([eE][+-]?\d+)?$"
DOT_THOUSANDS = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
GROUPED = r"^[+-]?[1-9]\d{0,2}((\.\d{3})+,\d+|(\.\d{3}){2,})$"
"""What has points of thousands for sure, as in 1.234,5 and 1.234.567."""
FLOAT32_WHOLE = 1 << 24
"""Whole numbers up to this are whole in 32-bit floats."""
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
    values = column.to_numpy(zero_copy_only=False)
    numbers = convert_to_float32(values)
    _note_rounded(values, numbers, name, ingestion)
    return numbers


def _note_rounded(
    values: NDArray[Any], numbers: NDArray[np.float32], name: str, ingestion: Ingestion
) -> None:
    """Say if whole numbers, which may be ids or dates, are not what is stored."""
    with np.errstate(invalid="ignore"):
        large = np.abs(numbers) > FLOAT32_WHOLE
    if not large.any():
        return
    before, after = values[large].astype(np.float64), numbers[large].astype(np.float64)
    with np.errstate(invalid="ignore"):
        moved = np.isfinite(after) & (before != after) & (before == np.floor(before)) & (before < 1 << 53)
    if moved.any():
        first = int(moved.argmax())
        ingestion.understood.note(
            "numbers_rounded",
            f"column {name!r} has whole numbers that 32-bit floats cannot hold: {before[first]:.0f} became "
            f"{after[first]:.0f} (leave the column out if these are ids; write dates as 2024-05-31)",
            option="exclude_columns",
        )


def mixes_signs(batch: pa.RecordBatch, names: Sequence[str], ingestion: Ingestion) -> bool:
    """Return whether points may be signs of thousands: decimal commas and such points were found."""
    if not any(note["code"] == "decimal_comma" for note in ingestion.understood.notes):
        return False
    columns = [batch.column(name) for name in names]
    texts = [column for column in columns if pa.types.is_string(column.type)]
    return any(
        pc.any(pc.match_substring_regex(pc.utf8_trim_whitespace(column), DOT_THOUSANDS)).as_py()
        for column in texts
    )


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
