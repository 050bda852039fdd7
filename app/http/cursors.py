"""Keyset cursors: opaque to clients, a JSON list of values inside."""

import base64
import json
from collections.abc import Callable
from typing import Any

from app.infra.errors import Invalid


def encode(*values: object) -> str:
    """Return the cursor of the row with these key values."""
    return (
        base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode().rstrip("=")
    )


def decode(cursor: str | None, *parsers: Callable[[str], Any]) -> list[Any] | None:
    """Return the key values of a cursor, each parsed by its parser; None: start at the beginning.

    Raises:
        Invalid: this list did not issue the cursor.

    """
    if cursor is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [parse("" + value) for parse, value in zip(parsers, values, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"cursor must be a next_cursor of this list, found {cursor!r}") from error


def parse_number(text: str) -> int:
    """Parse a position, rank or number of a row.

    Raises:
        ValueError: it is not a number that a table can hold.

    """
    value = int(text)
    if not -1 <= value < 2**31:
        raise ValueError
    return value
