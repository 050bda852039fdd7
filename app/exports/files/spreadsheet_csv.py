"""CSV for spreadsheets (RFC 4180): a text that looks like a formula gets a leading apostrophe."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
FULL_WIDTH = "".join(chr(ord(sign) + 0xFEE0) for sign in "=+-@")
"""The same signs as East Asian keyboards type them; Unicode has them at this distance."""
SIGNS = rf"=+\-@{FULL_WIDTH}"
FORMULA = rf"^[{SIGNS}\t\r]"
INNER_FORMULA = rf"([;\t\r\n][\s\"]*)([{SIGNS}])"
"""Behind what a spreadsheet of another language takes for a delimiter."""
INNER_RUN = re.compile(rf"(?<![;\s\"])([;\s\"]++)([{SIGNS}])")
"""The same for `re`, which would try every place of a long run of blanks to its end."""
BLOCK_LINES = 1000


def guard_formula(text: str) -> str:
    """Return the text, with an apostrophe wherever a spreadsheet would run what follows as a formula."""
    guarded = re.sub(INNER_RUN, _guard_run, text)
    return f"'{guarded}" if re.search(FORMULA, text) and not re.search(NUMBER, text) else guarded


def _guard_run(found: re.Match[str]) -> str:
    """Return a run of blanks and a sign, with an apostrophe between them if a delimiter is in the run."""
    run, sign = found.groups()
    return f"{run}'{sign}" if re.search(r"[;\t\r\n]", run) else found.group()


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
