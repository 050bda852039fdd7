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
_QUOTE_AFTER_BLANK = re.compile(r' +"')
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
    skips_blanks: bool = False
    """Cells are quoted after a blank: `"a", "b"`."""
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
    above = above or _count_padded_titles(sample[start:], found)
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


def _count_padded_titles(sample: Sequence[str], delimiter: str) -> int:
    """Count lines of one cell and delimiters, as spreadsheets write titles, above a line of names."""
    for at, line in enumerate(sample):
        cells = [cell.strip() for cell in _parse(line, delimiter)]
        filled = [cell for cell in cells if cell]
        if len(filled) <= 1 < len(cells) - 1:  # one name and one blank could be a header
            continue
        is_header = (
            len(filled) > 1 and len(set(filled)) == len(filled) and not _looks_like_values(line, delimiter)
        )
        return at if is_header else 0
    return 0


def _measure_widths(sample: Sequence[str], delimiter: str, *, skips_blanks: bool = False) -> list[int]:
    reader = csv.reader(sample, delimiter=delimiter, skipinitialspace=skips_blanks)
    try:
        records = list(islice(reader, SAMPLE_RECORDS))
    except csv.Error:
        return []
    return [len(cells) for cells in records if cells and any(cells)]


def _quotes_after_blanks(sample: Sequence[str], delimiter: str) -> bool:
    """Return whether cells are quoted after a blank, and nothing else stands behind their closing quotes."""
    try:
        plain = list(islice(csv.reader(sample, delimiter=delimiter), SAMPLE_RECORDS))
        if not any(_QUOTE_AFTER_BLANK.match(cell) for cells in plain for cell in cells[1:]):
            return False
        skipping = csv.reader(sample, delimiter=delimiter, skipinitialspace=True, strict=True)
        widths = {len(cells) for cells in islice(skipping, len(plain)) if cells}
    except csv.Error:
        return False
    return len(widths) == 1


def _read_header(
    sample: Sequence[str], start: int, delimiter: str, encoding: str, notes: list[str]
) -> TableStyle:
    skips = _quotes_after_blanks(sample[start:], delimiter)
    try:
        reader = csv.reader(sample[start:], delimiter=delimiter, strict=True, skipinitialspace=skips)
        header = next(reader, [])
    except csv.Error as error:
        raise TableError(f"expected a table with a header; found: {error}") from None
    header_lines = max(1, reader.line_num)
    columns = [INVISIBLE.sub("", name).strip() for name in header]
    if columns and columns[0].startswith("#") and start:
        columns[0] = columns[0].lstrip("# ")
    below = sample[start + header_lines :]
    widths = _measure_widths(below, delimiter, skips_blanks=skips)
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
        skips_blanks=skips,
        is_plain=not surplus and not unnamed and not skips and max(widths, default=0) <= len(columns),
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
    reader = csv.reader(
        keep(lines), delimiter=style.delimiter, strict=strict, skipinitialspace=style.skips_blanks
    )
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
