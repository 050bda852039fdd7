"""Tables in text files as programs write them: encoding, delimiter, lines before the header, records.

Everything that reads a table of a person reads it here: uploads, correct labels, reviews, probabilities.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from models.reading.label_texts import INVISIBLE
from models.reading.text_encodings import TableError

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_RECORDS = 30
SHEET_TABLE = "sheet.csv"
"""The sheet of a workbook as CSV, in the folder of its pack."""
SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)
"""What Excel reads and writes as a first line to name the delimiter."""
csv.field_size_limit(1 << 24)


@dataclass(frozen=True, kw_only=True)
class TableStyle:
    """How a table is written."""

    encoding: str
    """A codec of Python."""
    delimiter: str
    columns: tuple[str, ...]
    """Names as written, without characters that show nothing."""
    lines_before: int
    """Lines above the header."""
    header_lines: int = 1
    is_plain: bool = True
    """No record of the sample has more fields than the header has names."""
    notes: tuple[str, ...] = ()
    """What is unusual, in sentences."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record of a table below its header."""

    number: int
    """Counts records from 0; blank lines do not count."""
    line: int
    """Line of the file in which it begins, counted from 1."""
    width: int
    """Cells as written."""
    raw: str
    """As written, with its line end."""
    cells: list[str]
    """One for each column; blank cells at the end are cut off or filled up."""
    is_ragged: bool
    """More cells than columns, not only blank ones."""
    is_comment: bool


def find_style(lines: Iterable[str], *, encoding: str, delimiter: str | None = None) -> TableStyle:
    """Find how a table is written from its first lines; TableError if it has no header.

    `delimiter` is the one that somebody chose, or that is stored; None: find it.
    """
    sample = list(islice(lines, 200))
    notes: list[str] = []
    start, chosen = 0, delimiter
    if sample and (match := SEPARATOR_LINE.fullmatch(sample[0])):
        start, chosen = 1, delimiter or match[1]
        notes.append(f"the first line names the delimiter {match[1]!r}")
    start += _count_blank(sample[start:])
    start += _count_comments(sample[start:], chosen)
    found, above = _choose_delimiter(sample[start:], chosen)
    if above:
        count = "1 line above the header was" if above == 1 else f"{above} lines above the header were"
        notes.append(f"{count} skipped, such as {sample[start].strip()[:60]!r}")
    start += above
    return _read_header(sample, start, found, encoding, notes)


def _count_blank(sample: Sequence[str]) -> int:
    return next((at for at, line in enumerate(sample) if line.strip(" \t,;|\r\n\ufeff")), 0)


def _count_comments(sample: Sequence[str], chosen: str | None) -> int:
    """Count the comment lines at the start; a header that begins with # is none."""
    at = 0
    while at < len(sample) and (sample[at].startswith("#") or not sample[at].strip()):
        at += 1
    if at == 0 or at >= len(sample):
        return 0
    delimiter, _ = _choose_delimiter(sample[at:], chosen)
    width = len(_parse(sample[at], delimiter))
    last = next((line for line in reversed(sample[:at]) if line.strip()), "")
    is_header = (
        width > 1 and len(_parse(last, delimiter)) == width and _looks_like_values(sample[at], delimiter)
    )
    return sample[:at].index(last) if is_header else at


def _looks_like_values(line: str, delimiter: str) -> bool:
    return any(re.fullmatch(r"[+-]?[\d.,]+", cell.strip()) for cell in _parse(line, delimiter))


def _parse(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _choose_delimiter(sample: Sequence[str], chosen: str | None) -> tuple[str, int]:
    """Return the delimiter that splits most records alike, and the number of title lines above them."""
    best = (False, 0, 0, DELIMITERS[0], 0)
    for delimiter in [chosen] if chosen else DELIMITERS:
        widths = _measure_widths(sample, delimiter)
        if not widths:
            continue
        width, count = Counter(widths[1:] or widths).most_common(1)[0]
        above = 0
        if width > 1 and widths[0] == 1 and count > 2:  # noqa: PLR2004 - title lines need a table below
            above = next(at for at, line in enumerate(sample) if len(_parse(line, delimiter)) > 1)
        own = next(each for each in widths if each > 1) if above else widths[0]
        fits = own > 1 and width > 1
        score = (fits and not above, count if fits else 0, min(own, width), delimiter, above)
        if score[:3] > best[:3]:
            best = score
    return (chosen or best[3]), best[4]


def _measure_widths(sample: Sequence[str], delimiter: str) -> list[int]:
    try:
        records = list(islice(csv.reader(sample, delimiter=delimiter), SAMPLE_RECORDS))
    except csv.Error:
        return []
    return [len(cells) for cells in records if cells and any(cells)]


def _read_header(
    sample: Sequence[str], start: int, delimiter: str, encoding: str, notes: list[str]
) -> TableStyle:
    try:
        reader = csv.reader(sample[start:], delimiter=delimiter, strict=True)
        header = next(reader, [])
    except csv.Error as error:
        raise TableError(f"expected a table with a header; found: {error}") from None
    header_lines = max(1, reader.line_num)
    columns = [INVISIBLE.sub("", name).strip() for name in header]
    if columns and columns[0].startswith("#") and start:
        columns[0] = columns[0].lstrip("# ")
    below = sample[start + header_lines :]
    widths = _measure_widths(below, delimiter)
    usual = Counter(widths).most_common(1)[0][0] if widths else len(columns)
    surplus = _count_surplus(columns, usual, below, delimiter)
    if surplus:
        columns = columns[:-surplus]
        notes.append(f"the header ends with {surplus} delimiters too many")
    is_short = not surplus and usual == len(columns) + 1
    unnamed = is_short and not _is_blank_column(below, delimiter, len(columns))
    if unnamed:
        columns = ["", *columns]
        notes.append("the header has one name too few: the first column was taken as row names")
    return TableStyle(
        encoding=encoding,
        delimiter=delimiter,
        columns=tuple(columns),
        lines_before=start,
        header_lines=header_lines,
        is_plain=not surplus and not unnamed and max(widths, default=0) <= len(columns),
        notes=tuple(notes),
    )


def _count_surplus(columns: Sequence[str], usual: int, below: Sequence[str], delimiter: str) -> int:
    """Count the blank names at the end of a header whose columns have no values."""
    surplus = 0
    while len(columns) - surplus > 1 and not columns[-1 - surplus]:
        last = len(columns) - 1 - surplus
        if usual > last and not _is_blank_column(below, delimiter, last):
            break
        surplus += 1
    return surplus


def _is_blank_column(sample: Sequence[str], delimiter: str, column: int) -> bool:
    """Return whether no record of the sample has a value in a column."""
    try:
        records = list(islice(csv.reader(sample, delimiter=delimiter), SAMPLE_RECORDS))
    except csv.Error:
        return False
    return not any(len(cells) > column and cells[column].strip() for cells in records)


def read_records(lines: Iterable[str], style: TableStyle, *, strict: bool = True) -> Iterator[Record]:
    """Yield the records below the header; `strict` refuses text after a closing quote.

    Raises:
        TableError: a quote is not closed.

    """
    return _parse_records(islice(lines, style.lines_before + style.header_lines, None), style, strict=strict)


def _parse_records(lines: Iterable[str], style: TableStyle, *, strict: bool) -> Iterator[Record]:
    taken: list[str] = []

    def keep(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    width, number = len(style.columns), 0
    above = style.lines_before + style.header_lines
    reader = csv.reader(keep(lines), delimiter=style.delimiter, strict=strict)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise TableError(
                f"expected a table; found in record {number} {taken[0].strip()[:60]!r}: {error} "
                "(is a quote not closed?)"
            ) from None
        if cells is None:
            return
        raw = "".join(taken)
        taken.clear()
        if not cells:
            continue
        is_comment = raw.startswith("#") and len(cells) < width
        yield Record(
            number=number,
            line=above + reader.line_num - raw.count("\n", 0, -1),
            width=len(cells),
            raw=raw,
            cells=_fit(cells, width),
            is_ragged=any(cell.strip() for cell in cells[width:]),
            is_comment=is_comment,
        )
        number += 1


def _fit(cells: list[str], width: int) -> list[str]:
    return cells[:width] + [""] * (width - len(cells))


def replace_cell(raw: str, delimiter: str, column: int, text: str) -> str:
    """Return a record as written with one cell replaced; quoted as it was, or where it must be."""
    start, stop = _find_cell(raw, delimiter, column)
    was_quoted = raw[start:stop].startswith('"')
    needs_quotes = any(mark in text for mark in (delimiter, '"', "\n", "\r"))
    new = '"' + text.replace('"', '""') + '"' if was_quoted or needs_quotes else text
    return raw[:start] + new + raw[stop:]


def append_cell(raw: str, delimiter: str, text: str) -> str:
    """Return a record as written with one more cell at its end."""
    body = raw.rstrip("\r\n")
    return (
        replace_cell(f"{body}{delimiter}", delimiter, _count_cells(body, delimiter), text) + raw[len(body) :]
    )


def _count_cells(raw: str, delimiter: str) -> int:
    at, count = _skip_cell(raw, delimiter, 0), 1
    while at < len(raw):
        at, count = _skip_cell(raw, delimiter, at + 1), count + 1
    return count


def _find_cell(raw: str, delimiter: str, column: int) -> tuple[int, int]:
    """Return where a cell begins and ends."""
    at = 0
    for _ in range(column):
        at = min(_skip_cell(raw, delimiter, at) + 1, len(raw))
    return at, _skip_cell(raw, delimiter, at)


def _skip_cell(raw: str, delimiter: str, at: int) -> int:
    if raw[at : at + 1] == '"':
        at += 1
        while at < len(raw):
            if raw[at] == '"':
                if raw[at + 1 : at + 2] != '"':
                    break
                at += 1
            at += 1
    while at < len(raw) and raw[at] not in (delimiter, "\r", "\n"):
        at += 1
    return at
