"""Records of tables with a column for each class, in which the cells of some classes say the opposite."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.reading.json_records import replace_value
from models.reading.record_cells import replace_cell
from models.reading.several_labels.class_cells import flip_cell
from models.reading.text_tables import TableStyle

Flips = Mapping[str, Sequence[str]]
"""By column that changes: what it writes for "does not have the class" and for "has it"."""


def flip_in_text(
    raw: str, cells: Sequence[str], style: TableStyle, flips: Flips, places: Mapping[str, int]
) -> str:
    """Return a record of a text table; `places` are the indexes of its columns."""
    for column, writing in flips.items():
        at = places[column]
        raw = replace_cell(raw, style, at, str(flip_cell(cells[at], writing)))
    return raw


def flip_in_json(raw: str, values: Mapping[str, Any], flips: Flips) -> str:
    """Return a JSON object as text."""
    for column, writing in flips.items():
        raw = replace_value(raw, column, flip_cell(values[column], writing))
    return raw
