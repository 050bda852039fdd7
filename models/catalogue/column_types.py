"""The types of a table's columns by name, as people name them in the option `column_types`."""

import re
from typing import Literal, cast, get_args

ColumnType = Literal["number", "category", "boolean", "date", "text"]
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
_CHOICE = re.compile(r"(.+)=\s*(\w+)\s*", re.DOTALL)


def read_column_type(choice: str) -> tuple[str, ColumnType]:
    """Return column and type of a choice COLUMN=TYPE.

    Raises:
        ValueError: it has another form, or there is no such type.

    """
    found = _CHOICE.fullmatch(choice)
    if found is None or found[2] not in COLUMN_TYPES:
        raise ValueError(f"expected COLUMN=TYPE with a type of {', '.join(COLUMN_TYPES)}; found {choice!r}")
    return found[1].strip(), cast("ColumnType", found[2])
