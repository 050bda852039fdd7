"""Cells of a record of a text table replaced or added, with all other characters as they were."""

from models.reading.text_tables import TableStyle


def replace_cell(raw: str, style: TableStyle, column: int, text: str) -> str:
    """Return a record as written with one cell replaced; quoted as it was, or where it must be."""
    start, stop = _find_cell(raw, style, column)
    if style.skips_blanks:
        start += len(raw[start:stop]) - len(raw[start:stop].lstrip(" "))
    was_quoted = raw[start:stop].startswith('"')
    needs_quotes = any(mark in text for mark in (style.delimiter, '"', "\n", "\r"))
    new = '"' + text.replace('"', '""') + '"' if was_quoted or needs_quotes else text
    return raw[:start] + new + raw[stop:]


def append_cell(raw: str, style: TableStyle, text: str) -> str:
    """Return a record as written with one more cell at its end."""
    body = raw.rstrip("\r\n")
    return replace_cell(f"{body}{style.delimiter}", style, _count_cells(body, style), text) + raw[len(body) :]


def _count_cells(raw: str, style: TableStyle) -> int:
    at, count = _skip_cell(raw, style, 0), 1
    while at < len(raw):
        at, count = _skip_cell(raw, style, at + 1), count + 1
    return count


def _find_cell(raw: str, style: TableStyle, column: int) -> tuple[int, int]:
    """Return where a cell begins and ends."""
    at = 0
    for _ in range(column):
        at = min(_skip_cell(raw, style, at) + 1, len(raw))
    return at, _skip_cell(raw, style, at)


def _skip_cell(raw: str, style: TableStyle, at: int) -> int:
    while style.skips_blanks and raw[at : at + 1] == " ":
        at += 1
    if raw[at : at + 1] == '"':
        at += 1
        while at < len(raw):
            if raw[at] == '"':
                if raw[at + 1 : at + 2] != '"':
                    break
                at += 1
            at += 1
    while at < len(raw) and raw[at] not in (style.delimiter, "\r", "\n"):
        at += 1
    return at
