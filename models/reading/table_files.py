"""Tables in files of any length: their encoding and style, found without reading them into memory."""

from typing import BinaryIO

from models.reading.text_encodings import (
    SAMPLE_BYTES,
    TableError,
    check_encoding,
    detect_encoding,
    open_lines,
)
from models.reading.text_tables import TableStyle, find_style

TAB, SPACE = "tab", "space"
WORDS = {"\t": TAB, " ": SPACE}
"""How delimiters are named that show nothing."""


def parse_delimiter(text: str | None) -> str | None:
    """Return the character of a chosen delimiter, None if none was chosen; TableError if it cannot be one."""
    if not text:
        return None
    if text.lower() in (TAB, "\\t", "\t"):
        return "\t"
    if text.lower() == SPACE:
        return " "
    if len(text) > 1 or not text.isascii() or not text.isprintable() or text.isalnum() or text in '".+-':
        raise TableError(
            "expected one character such as ; or |, the word space or the word tab, as delimiter; "
            f"found {text!r}"
        )
    return text


def inspect_table(
    file: BinaryIO, *, encoding: str | None = None, delimiter: str | None = None, has_option: bool = False
) -> tuple[TableStyle, int]:
    """Return how a table is written, and its number of quotes, after its encoding was checked to its end.

    Args:
        file: open at its start, where it is left again.
        encoding: the chosen one; None: UTF-8, or what the first bytes say.
        delimiter: the chosen one; None: find it.
        has_option: whoever gave the file can choose the encoding.

    Raises:
        TableError: it is not a text in this encoding, or has no header.

    """
    codec = detect_encoding(file.read(SAMPLE_BYTES), chosen=encoding)
    file.seek(0)
    quotes = check_encoding(file, codec, has_option=has_option)
    file.seek(0)
    style = find_style(open_lines(file, codec), encoding=codec, delimiter=delimiter)
    file.seek(0)
    return style, quotes
