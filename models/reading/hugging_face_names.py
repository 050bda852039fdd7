"""The class names that Hugging Face `datasets` stores in the metadata of a Parquet file."""

import json
from collections.abc import Mapping
from typing import Any


def read_class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> list[str] | None:
    """Return the names that a column's numbers index, or those of its lists; None: it has no names.

    Args:
        metadata: of the file's schema.
        column: the name of a column.

    """
    try:
        feature: Any = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"][column]
        if isinstance(feature, list):  # as versions before 3.0 write a sequence
            feature = feature[0]
        names = feature.get("feature", feature)["names"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
    return [str(name) for name in names] if isinstance(names, list) and names else None
