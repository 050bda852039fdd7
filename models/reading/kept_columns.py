"""People's own columns about their samples: which these are by name, and how their values are kept."""

import math
from dataclasses import dataclass, field

from models.reading.column_names import normalise_name

COLUMNS_MAX = 20
"""Of one dataset; more are named and left out."""
NAME_MAX = 100
VALUE_MAX = 100
"""Characters of a value; the rest is cut off."""
CATEGORIES_MAX = 20
"""A column of numbers with at most so many different ones is kept as texts: they are more often the names of
batches or cameras than measurements, and a table of them needs no bins."""
WHO = ("annotator", "labeler", "labeller", "rater", "reviewer", "operator")
WHERE = ("camera", "scanner", "device", "batch", "session")
OWN = frozenset(
    {
        *(f"{name}{ending}" for name in (*WHO, *WHERE) for ending in ("", "s", "_id", "_name", "_no")),
        *("annotated_by", "labeled_by", "labelled_by", "reviewed_by"),
    }
)
"""Names that say by whom or by what a sample was made; a date or a place is more often a feature."""


def is_own_name(name: str) -> bool:
    """Return whether a column of this name says where a sample or its label comes from; never a feature."""
    return normalise_name(name) in OWN


def cut_value(value: object) -> str | None:
    """Return a value as a printable text of at most VALUE_MAX characters; None: it is missing."""
    text = "" if value is None else str(value)
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    return text.strip()[:VALUE_MAX] or None


def parse_number(text: str) -> float | None:
    """Return a finite number; None: the text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@dataclass(kw_only=True)
class ColumnProfile:
    """What the values of a column have shown so far."""

    name: str
    are_numbers: bool = True
    missing: int = 0
    distinct: set[str] = field(default_factory=set)
    """At most CATEGORIES_MAX + 1 of them."""

    def add(self, value: str | None) -> None:
        """Take note of a value."""
        if value is None:
            self.missing += 1
            return
        if len(self.distinct) <= CATEGORIES_MAX:
            self.distinct.add(value)
        if self.are_numbers and parse_number(value) is None:
            self.are_numbers = False

    @property
    def kind(self) -> str:
        """Return `number` for measurements, else `text`."""
        is_number = self.are_numbers and len(self.distinct) > CATEGORIES_MAX
        return "number" if is_number else "text"

    def describe(self, source: str) -> dict[str, object]:
        """Return the column as JSON; `source` says whether it came with the upload or was attached."""
        return {"name": self.name, "kind": self.kind, "missing": self.missing, "source": source}

    def convert(self, value: str) -> str | float:
        """Return a value as it is stored."""
        number = parse_number(value) if self.kind == "number" else None
        return value if number is None else number
