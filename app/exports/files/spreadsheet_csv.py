"""CSV for spreadsheets (RFC 4180): a text that looks like a formula gets a leading apostrophe."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
FORMULA = r"^[=+\-@\t\r]"
BLOCK_LINES = 1000


def guard_formula(text: str) -> str:
    """Return the text, with an apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if re.search(FORMULA, text) and not re.search(NUMBER, text) else text


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield a CSV in blocks of lines, with all texts guarded against formulas."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\r\n")
    table.writerow(header)
    for number, row in enumerate(rows, start=1):
        table.writerow([guard_formula(text) for text in row])
        if number % BLOCK_LINES == 0:
            yield _take_block(buffer)
    yield _take_block(buffer)


def _take_block(buffer: io.StringIO) -> bytes:
    block = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return block
