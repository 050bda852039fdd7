"""Labels in JSON that are no plain values: a list of one class, or an object with a name."""

from __future__ import annotations

import json
from typing import Any

from worker.formats.shared.problems import IngestError, make_printable

_PLAIN = (str, int, float, bool)


def read_json_label(cell: object) -> object:
    """Return the class of a cell of a JSON object, whose lists and objects are texts of JSON.

    Raises:
        IngestError: there are several classes, or an object without a name.

    """
    if not isinstance(cell, str) or not cell.startswith(("[", "{")):
        return cell
    try:
        value: Any = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    if value in ([], {}):
        return None
    found = value[0] if isinstance(value, list) and len(value) == 1 else value
    found = found.get("name") if isinstance(found, dict) else found
    if isinstance(found, _PLAIN):
        return found
    raise IngestError(
        "nested_label",
        f"expected one class for each picture; found the label {make_printable(cell)[:100]} (write a single "
        'text such as "cat"; several classes as "cat;dog", with label_separator=";")',
    )
