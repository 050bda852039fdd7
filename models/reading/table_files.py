"""Tables in files of any length: their encoding and style, found without reading them into memory."""

from typing import BinaryIO

from models.reading.text_encodings import SAMPLE_BYTES, check_encoding, detect_encoding, open_lines
from models.reading.text_tables import TableStyle, find_style


def inspect_table(
    file: BinaryIO, *, encoding: str | None = None, has_option: bool = False
) -> tuple[TableStyle, int]:
    """Return how a table is written, and its number of quotes, after its encoding was checked to its end.

    Args:
        file: open at its start, where it is left again.
        encoding: the chosen one; None: UTF-8, or what the first bytes say.
        has_option: whoever gave the file can choose the encoding.

    Raises:
        TableError: it is not a text in this encoding, or has no header.

    """
    codec = detect_encoding(file.read(SAMPLE_BYTES), chosen=encoding)
    file.seek(0)
    quotes = check_encoding(file, codec, has_option=has_option)
    file.seek(0)
    style = find_style(open_lines(file, codec), encoding=codec)
    file.seek(0)
    return style, quotes
