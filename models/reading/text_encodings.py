"""The encoding of a text file: found from its first bytes, checked to its end, named where it is another."""

import codecs
import contextlib
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

SAMPLE_BYTES = 1 << 16
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
LIKELY_ENCODINGS = (("cp1252", "Windows-1252"), ("latin-1", "ISO 8859-1"))


class TableError(ValueError):
    """A text is not a table that can be read; the message says what was found and what to do."""


def detect_encoding(head: bytes, *, chosen: str | None = None) -> str:
    """Return the codec of a text by its first bytes; TableError if none fits."""
    if chosen is not None:
        return check_codec(chosen)
    for mark, codec in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return codec
    if len(head) >= 4 and not any(head[1:64:2]) and all(head[0:64:2]):  # noqa: PLR2004 - two characters
        return "utf-16-le"
    if len(head) >= 4 and not any(head[0:64:2]) and all(head[1:64:2]):  # noqa: PLR2004 - two characters
        return "utf-16-be"
    return "utf-8-sig"


def check_codec(name: str) -> str:
    """Return the codec of a name; TableError if Python has none that decodes text."""
    try:
        codec = codecs.lookup(name)
        codecs.decode(b"", name)
    except (LookupError, ValueError, TypeError) as error:
        raise TableError(
            f"expected an encoding such as utf-8, utf-16, cp1252 or latin-1; found {name!r}"
        ) from error
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def explain_undecodable(raw: bytes, codec: str, error: UnicodeDecodeError, *, has_option: bool) -> str:
    """Return a sentence that says which encoding bytes that are not UTF-8 probably have.

    Args:
        raw: bytes around the error.
        codec: in which they cannot be read.
        error: of the decoder; its positions count from the start of `raw`.
        has_option: an option `encoding` can be given instead.

    """
    if codec != "utf-8-sig":
        return f"expected text in {codec}; found bytes that are not: {error}"
    around = raw[max(0, error.start - 20) : error.start + 20]
    for likely, title in LIKELY_ENCODINGS:
        try:
            shown = around.decode(likely)
        except UnicodeDecodeError:
            continue
        other = f", or give encoding={likely} if this text is right" if has_option else ""
        return (
            f"expected text in UTF-8; found other bytes at {error.start}, which look like {title} "
            f"({likely}): {shown!r} (save the file as UTF-8{other})"
        )
    return f"expected text in UTF-8; found: {error}"


def decode_text(raw: bytes, *, encoding: str | None = None) -> tuple[str, str]:
    """Return a text and its codec; TableError says which encoding it probably has."""
    codec = detect_encoding(raw[:SAMPLE_BYTES], chosen=encoding)
    try:
        return raw.decode(codec), codec
    except UnicodeDecodeError as error:
        raise TableError(explain_undecodable(raw, codec, error, has_option=True)) from None


def find_mark(raw: bytes, codec: str) -> tuple[bytes, str]:
    """Return the byte order mark at the start of bytes, and the codec that writes none."""
    mark = next((mark for mark, _ in BYTE_ORDER_MARKS if raw.startswith(mark)), b"")
    plain = {
        codecs.BOM_UTF8: "utf-8",
        codecs.BOM_UTF32_LE: "utf-32-le",
        codecs.BOM_UTF32_BE: "utf-32-be",
        codecs.BOM_UTF16_LE: "utf-16-le",
        codecs.BOM_UTF16_BE: "utf-16-be",
    }
    if not mark:
        return b"", "utf-8" if codec == "utf-8-sig" else codec
    return (mark, plain[mark]) if codec in ("utf-8-sig", "utf-16", "utf-32") else (b"", codec)


def name_encoding(codec: str, head: bytes) -> str:
    """Return the encoding of a file as people call it; of UTF-8 with its byte order mark, if it has one."""
    if codec != "utf-8-sig":
        return codec
    return "utf-8 with a byte order mark" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def check_encoding(file: BinaryIO, codec: str, *, has_option: bool) -> int:
    """Read a file to its end and return its number of quotes; TableError if it is not in this encoding.

    `has_option` says that an option `encoding` can be given instead.
    """
    decoder = codecs.getincrementaldecoder(codec)()
    quotes = 0
    try:
        while block := file.read(1 << 23):
            quotes += decoder.decode(block).count('"')
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise TableError(explain_undecodable(error.object, codec, error, has_option=has_option)) from None
    return quotes


def open_lines(file: BinaryIO, codec: str) -> Iterator[str]:
    """Return the lines of a file with their line ends; a byte order mark is not part of the first."""
    text = io.TextIOWrapper(file, encoding=codec, newline="")
    try:
        # `yield from` would close the file of a caller who takes only the first lines.
        for line in text:  # noqa: UP028
            yield line
    finally:
        with contextlib.suppress(ValueError):  # the file is closed already
            text.detach()


def split_lines(text: str) -> Iterator[str]:
    """Return the lines of a text with their line ends, as `open_lines` does for a file."""
    # A StringIO would hold a copy with four bytes for each character.
    return (line.group() for line in _LINE.finditer(text))
