"""The operations of the API as its page lists them, from the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API."""

    method: str
    path: str
    words: str
    """What it does, in one sentence or a few."""


def list_operations(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of an OpenAPI document by their first tag, in the document's order."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, facts in methods.items():
            words = facts.get("description") or facts.get("summary", "")
            operation = Operation(method=method.upper(), path=path, words=words)
            groups.setdefault((facts.get("tags") or ["service"])[0], []).append(operation)
    return groups
