"""Keyset cursors: opaque to clients, a list of JSON values to us."""

import base64
import binascii
import json
from typing import Any

from app.errors import Invalid


def encode(*values: object) -> str:
    """Return the cursor of the row with these key values."""
    return (
        base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode().rstrip("=")
    )


def decode(cursor: str | None, *kinds: Any) -> list[Any] | None:  # noqa: ANN401 - callables that parse one value
    """Return the key values of a cursor, each parsed by its kind; None: start at the beginning.

    Raises:
        Invalid: it is not a cursor that this list has issued.

    """
    if cursor is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [kind(value) for kind, value in zip(kinds, values, strict=True)]
    except (ValueError, TypeError, binascii.Error) as error:
        raise Invalid(f"cursor must be a next_cursor of this list, found {cursor!r}") from error
