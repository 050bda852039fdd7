"""How an uploaded CSV file is written, and a regular copy of one that Arrow cannot read as it is."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from models.reading.table_files import WORDS, inspect_table, parse_delimiter
from models.reading.text_encodings import SAMPLE_BYTES, TableError, name_encoding, open_lines
from models.reading.text_tables import TableStyle, read_records
from worker.formats.shared.columns import check_distinct
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.formats.shared.column_roles import Peek
    from worker.formats.shared.sample import Ingestion

COCO_ALONE = (
    "COCO annotations without their pictures (put them into one zip or folder with the pictures, and upload"
    " that)"
)
"""What JSON is that lists pictures and annotations, and came alone."""
_PEEKED = 200
_LIBSVM = re.compile(rb"[+-]?[\d.]+ +\d+:[+-]?[\d.]")


def read_style(path: Path, ingestion: Ingestion) -> TableStyle:
    """Return how a table is written; IngestError if it is not text or has no header."""
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
            _check_kind(head)
            file.seek(0)
            options = ingestion.options
            style, quotes = inspect_table(
                file,
                encoding=options.encoding,
                delimiter=parse_delimiter(options.delimiter),
                has_option=True,
            )
            if quotes % 2:
                _check_last_quote(open_lines(file, style.encoding), style)
    except TableError as error:
        code = "bad_header" if "with a header" in str(error) else "bad_csv"
        raise IngestError(code, make_printable(str(error))) from None
    style = replace(style, columns=_name_blanks(style.columns))
    check_distinct(style.columns)
    _note_style(style, head, ingestion)
    return style


def _name_blanks(columns: Sequence[str]) -> tuple[str, ...]:
    """Return names for columns without one, as pandas gives them; a nameless first column stays so."""
    return tuple(name or (f"Unnamed: {at}" if at else "") for at, name in enumerate(columns))


def _check_kind(head: bytes) -> None:
    """Refuse texts that are no tables, named as what they are."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    found = None
    if head and not start:
        raise IngestError(
            "missing_column", "expected a table with names in its first line; found a file of blanks"
        )
    if start.startswith((b"{", b"[{", b"[\n")):
        is_coco = b'"annotations"' in head or b'"categories"' in head
        if is_coco:
            raise IngestError("bad_csv", f"expected a CSV table; found {COCO_ALONE}")
        found = "JSON, which is read only as a table beside pictures"
    elif _LIBSVM.match(start):
        found = "a LIBSVM file"
    if found is not None:
        raise IngestError(
            "bad_csv", f"expected a CSV table; found {found} (save the table as CSV or Parquet)"
        )


def _check_last_quote(lines: Iterator[str], style: TableStyle) -> None:
    """Refuse a table whose last record is everything behind a quote that is not closed."""
    last = None
    for record in read_records(lines, style, strict=False):
        last = record
    if last is not None and last.raw.count('"') % 2 and "\n" in last.raw.strip():
        raise TableError(
            f"expected every quote to be closed; found none that closes the one in line {last.line}: "
            f"{last.raw.strip()[:60]!r} (close it, or write it twice if it is part of the text)"
        )


def _note_style(style: TableStyle, head: bytes, ingestion: Ingestion) -> None:
    """Say how a table is written."""
    ingestion.layout["table"] = {"encoding": style.encoding, "delimiter": style.delimiter}
    ingestion.understood.facts |= {
        "encoding": name_encoding(style.encoding, head),
        "delimiter": WORDS.get(style.delimiter, style.delimiter),
    }
    ingestion.understood.note_all("table_style", style.notes)


def peek_values(path: Path, style: TableStyle) -> Peek:
    """Return the first values of each column."""
    with path.open("rb") as file:
        try:
            records = list(islice(read_records(open_lines(file, style.encoding), style), _PEEKED))
        except TableError:
            return {name: [] for name in style.columns}
    rows = [record.cells for record in records if not record.is_comment and not record.is_ragged]
    return {name: [cells[at] for cells in rows] for at, name in enumerate(style.columns)}


def write_regular_copy(path: Path, style: TableStyle, target: Path) -> tuple[TableStyle, list[int]]:
    """Copy a table with one record for each line of as many fields as there are columns.

    Returns:
        The style of the copy, and the record numbers that are not in it: comments and ragged records.

    """
    dropped: list[int] = []
    with path.open("rb") as file, target.open("w", encoding="utf-8", newline="") as copy:
        table = csv.writer(copy, lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(style.columns)
        try:
            for record in read_records(open_lines(file, style.encoding), style):
                if record.is_comment or record.is_ragged or record.width < len(style.columns):
                    dropped.append(record.number)
                    continue
                table.writerow(record.cells)
        except TableError as error:
            raise IngestError("bad_csv", make_printable(str(error))) from None
    regular = TableStyle(encoding="utf-8", delimiter=",", columns=style.columns, lines_before=0)
    return regular, dropped
