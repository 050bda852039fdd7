"""Cells of a column that is a class, such as 0 and 1: what they say, how a column writes it, the opposite."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from models.reading.label_texts import MISSING_NUMBERS, format_label

Writing = tuple[str, str]
"""What a column writes for "does not have the class" and for "has it"."""
WRITINGS: tuple[Writing, ...] = (("0", "1"), ("-1", "1"), ("false", "true"), ("no", "yes"))
RANGE = ".."
"""Stands between the first and the last of consecutive columns."""


def read_cell(value: object) -> str | None:
    """Return a cell as it is compared: in lower case, `1` for 1.0 and "1.0"; None if it is blank."""
    text = format_label(value)
    return None if text is None or text.lower() in MISSING_NUMBERS else text.lower()


def find_writings(cells: Mapping[str, Collection[str]]) -> dict[str, Writing | None]:
    """Return how each column is written; None for one that mixes writings or holds something else.

    A column of which every cell is 1 is written as the others are: with -1 if one of them has it.

    Args:
        cells: the different cells of each column, as `read_cell` returns them.

    """
    with_minus = any("-1" in found for found in cells.values())
    order = sorted(WRITINGS, key=lambda writing: writing[0] != "-1") if with_minus else WRITINGS
    return {
        name: next((writing for writing in order if set(found) <= set(writing)), None)
        for name, found in cells.items()
    }


def flip_cell(value: object, writing: Sequence[str]) -> object:
    """Return the cell that says the opposite: of the same type, and a text as this one is written."""
    low, high = writing
    new = low if read_cell(value) == high else high
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float | Decimal):
        return type(value)(new)
    if isinstance(value, bytes):
        return str(flip_cell(value.decode(), writing)).encode()
    text = str(value)
    core = text.strip()
    fraction = core[core.index(".") :] if "." in core else ""
    return text.replace(core, _write_like(core, new) + fraction, 1)


def _write_like(core: str, new: str) -> str:
    if core.isupper():
        return new.upper()
    return new.capitalize() if core[:1].isupper() else new


def refuse_other_labels(class_columns: Sequence[str], others: Mapping[str, object]) -> None:
    """Raise ValueError if columns are chosen as classes, and something else as the labels, too."""
    chosen = [name for name, value in others.items() if value is not None]
    if class_columns and chosen:
        raise ValueError(
            f"expected class_columns without {chosen[0]}: each of these columns is a class, and no other"
            " column has labels"
        )
