"""CSV that spreadsheets open (RFC 4180): a text that looks like a formula gets an apostrophe in front."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
FORMULA = r"^[=+\-@\t\r]"
BLOCK_LINES = 1000


def guarded(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    return f"'{text}" if re.search(FORMULA, text) and not re.search(NUMBER, text) else text


def csv_blocks(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield a CSV of guarded texts in blocks of many lines, so that it is streamed and not made whole."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\r\n")
    table.writerow(header)
    for number, row in enumerate(rows, start=1):
        table.writerow([guarded(text) for text in row])
        if number % BLOCK_LINES == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    block = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return block
