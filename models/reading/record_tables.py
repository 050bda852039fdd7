"""Tables that fit into memory, CSV or JSON lines, as records with named cells."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.reading.text_encodings import TableError, decode_text, name_encoding, split_lines
from models.reading.text_tables import TableStyle, find_style, read_records

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", *JSON_SUFFIXES[:2])


@dataclass(frozen=True, kw_only=True)
class NamedRecord:
    """One record of a table."""

    number: int
    """Counts records from 0."""
    line: int
    """Line of the file in which it begins, counted from 1; in JSON lines, blank lines do not count."""
    raw: str
    """As written, with its line end."""
    cells: dict[str, Any] | None
    """By column; None if the record has more cells than columns, or is a comment."""
    is_comment: bool = False


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table as text."""

    text: str
    encoding: str
    columns: tuple[str, ...]
    style: TableStyle | None
    """None: JSON lines."""
    named_encoding: str
    """As people call it."""

    def read(self) -> Iterator[NamedRecord]:
        """Yield the records; TableError if one cannot be parsed."""
        return self._read_lines() if self.style is None else self._read_cells(self.style)

    def read_head(self) -> str:
        """Return what stands above the first record, as written."""
        if self.style is None:
            return ""
        above = self.style.lines_before + self.style.header_lines
        return "".join(line for _, line in zip(range(above), split_lines(self.text), strict=False))

    def _read_cells(self, style: TableStyle) -> Iterator[NamedRecord]:
        for record in read_records(split_lines(self.text), style):
            usable = not record.is_ragged and not record.is_comment
            yield NamedRecord(
                number=record.number,
                line=record.line,
                raw=record.raw,
                cells=dict(zip(style.columns, record.cells, strict=True)) if usable else None,
                is_comment=record.is_comment,
            )

    def _read_lines(self) -> Iterator[NamedRecord]:
        lines = (line for line in split_lines(self.text) if line.strip())
        for number, line in enumerate(lines):
            yield NamedRecord(number=number, line=number + 1, raw=line, cells=parse_object(line))


def parse_table(
    raw: bytes, name: str, *, encoding: str | None = None, delimiter: str | None = None
) -> TextTable:
    """Parse the header of a table, or the keys of all its JSON lines.

    Raises:
        TableError: the bytes are not a table of text.

    """
    text, codec = decode_text(raw, encoding=encoding)
    named = name_encoding(codec, raw)
    if not name.lower().endswith(JSON_SUFFIXES):
        style = find_style(split_lines(text), encoding=codec, delimiter=delimiter)
        return TextTable(text=text, encoding=codec, columns=style.columns, style=style, named_encoding=named)
    keys = (key for line in split_lines(text) if line.strip() for key in parse_object(line))
    columns = tuple(dict.fromkeys(keys))
    return TextTable(text=text, encoding=codec, columns=columns, style=None, named_encoding=named)


def parse_object(line: str) -> dict[str, Any]:
    """Return a JSON object of plain values; TableError if the line is something else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TableError(
            f"expected a JSON object in each line; found {line.strip()[:60]!r}: {error}"
        ) from None
    if not isinstance(value, dict):
        raise TableError(f"expected a JSON object in each line; found {line.strip()[:60]!r}")
    plain = (str, int, float, bool, type(None))
    return {key: item if isinstance(item, plain) else json.dumps(item) for key, item in value.items()}
