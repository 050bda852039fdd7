"""Find the columns of a table, or the arrays of an npz, by their names."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from models.reading.column_names import (
    FILE_NAMES,
    KEYS,
    LABELS,
    TRUTHS,
    find_by_name,
    find_chosen,
    suggest_name,
)
from models.reading.column_names import SPLITS as SPLIT_NAMES
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FILE_NAMES", "KEYS", "LABELS", "SPLIT_NAMES", "TRUTHS"]
_SHOWN = 20
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def find_column(names: Sequence[str], chosen: str | None, usual: Sequence[str]) -> str | None:
    """Return the chosen column (IngestError if absent), else the first usual one in any case, else None."""
    if chosen is None:
        return find_by_name(names, usual)
    found = find_chosen(names, chosen)
    if found is None:
        close = suggest_name(names, chosen)
        hint = f" (did you mean {make_printable(close)!r}?)" if close else ""
        raise IngestError("missing_column", f"expected a column {chosen!r}; found {quote_names(names)}{hint}")
    return found


def require_column(
    names: Sequence[str], chosen: str | None, usual: Sequence[str], what: str, *, option: str | None = None
) -> str:
    """Return a column that must exist; `option` is the upload option that can name it."""
    name = find_column(names, chosen, usual)
    if name is None:
        hint = f" (or name it in {option})" if option else ""
        raise IngestError(
            "missing_column",
            f"expected a column for the {what}, named one of {', '.join(usual)}{hint}; "
            f"found {quote_names(names)}",
        )
    return name


def check_distinct(names: Sequence[str]) -> None:
    """Refuse a table in which two columns have the same name."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1 and _NUMBER.fullmatch(name.strip()):
        raise IngestError(
            "bad_header",
            f"expected names of columns in the first line; found {name!r} {count} times, as in a line of "
            "values (add a line of names above it, one of them 'label')",
        )
    if count > 1:
        raise IngestError(
            "duplicate_column", f"expected every column once; found {name!r} {count} times (rename one)"
        )


def quote_names(names: Sequence[str]) -> str:
    """Quote the first 20 names, for messages."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(repr(make_printable(name)[:60]) for name in names[:_SHOWN]) or "none") + more
