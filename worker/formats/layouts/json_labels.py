"""Labels in JSON that are no plain values: a list of classes, or an object with a name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from models.reading.several_labels.label_sets import read_list
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.sample import ListsNeeded

if TYPE_CHECKING:
    from worker.formats.shared.sample import Ingestion

_PLAIN = (str, int, float, bool)


def read_json_label(cell: object, ingestion: Ingestion) -> object:
    """Return the class of a cell of a JSON object, whose lists and objects are texts of JSON.

    Where labels are sets, a list stays one, also of one class or none.

    Raises:
        ListsNeeded: a list has several classes, and labels were not known to be sets.
        IngestError: a list holds something else than names and whole numbers, or an object has no name.

    """
    if not isinstance(cell, str) or not cell.startswith(("[", "{")):
        return cell
    try:
        value: Any = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    if isinstance(value, list) and ingestion.has_sets:
        return _require_list(cell, value)
    if value in ([], {}):
        return None
    found = value[0] if isinstance(value, list) and len(value) == 1 else value
    found = found.get("name") if isinstance(found, dict) else found
    if isinstance(found, _PLAIN):
        return found
    if isinstance(found, list):
        _require_list(cell, found)
        raise ListsNeeded
    raise IngestError(
        "nested_label",
        f"expected one class for each sample, or a list of classes; found the label"
        f' {make_printable(cell)[:100]} (write a text such as "cat", or a list such as ["cat", "dog"])',
    )


def _require_list(cell: str, value: list[Any]) -> str:
    """Return a list of classes as it is named."""
    if read_list(cell) is None:
        raise IngestError(
            "nested_label",
            f"expected a list of names or whole numbers; found the label {make_printable(cell)[:100]} (write"
            ' a list such as ["cat", "dog"])',
        )
    return json.dumps(value, ensure_ascii=False)
