"""Which column of a table, or array of an npz, means what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_NAMES = ("file_name", "filename", "file", "path", "image", "image_path", "file_path")
LABELS = ("label", "labels", "class", "target", "targets", "y", "given_label", "category")
TRUTHS = ("true_label", "true_labels", "y_true", "clean_label", "clean_labels", "truth", "ground_truth")
KEYS = ("id", "ids", "key", "keys", "sample_id", "uid")
SPLIT_NAMES = ("split", "splits", "subset")
_SHOWN = 20


def find_column(found: Sequence[str], chosen: str | None, usual: Sequence[str]) -> str | None:
    """Name of a column: the chosen one (IngestError where absent), else the first usual one, case aside."""
    if chosen is not None:
        if chosen not in found:
            raise IngestError("missing_column", f"expected a column {chosen!r}; found {quote_names(found)}")
        return chosen
    by_lower = {name.strip().lower(): name for name in reversed(found)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def require_column(found: Sequence[str], chosen: str | None, usual: Sequence[str], what: str) -> str:
    """Name of a column that must be there."""
    name = find_column(found, chosen, usual)
    if name is None:
        raise IngestError(
            "missing_column",
            f"expected a column for the {what} ({', '.join(usual)}); found {quote_names(found)}",
        )
    return name


def check_distinct(found: Sequence[str]) -> None:
    """Refuse a table in which two columns have one name."""
    name, count = Counter(found).most_common(1)[0] if found else ("", 0)
    if count > 1:
        raise IngestError("duplicate_column", f"expected every column once; found {name!r} {count} times")


def quote_names(names: Sequence[str]) -> str:
    """First names of many, for messages."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(repr(make_printable(name)[:60]) for name in names[:_SHOWN]) or "none") + more
