"""Verdicts from a table: one made for this, or our own labels.csv with its keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.reading.column_names import FILE_NAMES, KEYS, POSITION, find_by_name, normalise_name
from models.reading.label_texts import make_comparable, strip_guard
from models.reading.record_tables import parse_table
from models.reading.text_encodings import TableError

VERDICTS = ("verdict", "source")
LABELS = ("label", "final", "new_label")
NOT_REVIEWED = ("", "audit")
"""Values of `source` in labels.csv for samples without a verdict."""

Entry = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ReadVerdicts:
    """The verdicts of a table."""

    entries: list[Entry]
    """Position, verdict and label."""
    skipped: int
    """Rows without a verdict."""


def parse_reviews(
    raw: bytes, name: str, *, read_keys: Callable[[], Mapping[str, int]], encoding: str | None = None
) -> ReadVerdicts:
    """Return the verdicts of a table; a row whose verdict is blank has none.

    Args:
        raw: the table's bytes.
        name: its file name.
        read_keys: reads the position of each key of the dataset; called only if the table has no positions.
        encoding: of the text; None: UTF-8, or what its first bytes say.

    Raises:
        TableError: a column is missing, a sample is unknown, or the bytes are not a table.

    """
    table = parse_table(raw, name, encoding=encoding)
    position = find_by_name(table.columns, (POSITION,))
    identifier = position or find_by_name(table.columns, (*KEYS, *FILE_NAMES))
    verdict = find_by_name(table.columns, VERDICTS)
    label = find_by_name(table.columns, LABELS)
    if identifier is None or verdict is None or (position is None and label is None):
        raise TableError(
            "expected the columns position or key, verdict and label, or a labels.csv of this service; "
            f"found {list(table.columns)}"
        )
    keys = {} if position else {make_comparable(key): at for key, at in read_keys().items()}
    entries, skipped = [], 0
    for record in table.read():
        cells = record.cells or {}
        if str(cells.get(verdict) or "").strip() in NOT_REVIEWED:
            skipped += 1
            continue
        text = strip_guard(str(cells.get(identifier) or ""))
        entries.append(
            {
                "position": _parse_position(text, record.line) if position else _find(keys, text),
                "verdict": str(cells[verdict]).strip(),
                "label": _find_label(cells, verdict, label),
            }
        )
    return ReadVerdicts(entries=entries, skipped=skipped)


def _parse_position(text: str, line: int) -> int:
    if not text.strip().isdecimal():
        raise TableError(f"line {line}: expected a position, found {text!r}")
    return int(text)


def _find(keys: Mapping[str, int], text: str) -> int:
    position = keys.get(make_comparable(text))
    if position is None:
        raise TableError(f"no sample of this dataset has the key {text!r}")
    return position


def _find_label(cells: Entry, verdict: str, label: str | None) -> str | None:
    """Return the new class of a relabelled sample; labels.csv also names the class of kept ones."""
    is_export = normalise_name(verdict) == "source"
    if label is None or (is_export and str(cells[verdict]).strip() != "relabel"):
        return None
    return strip_guard(str(cells.get(label) or "")) or None
