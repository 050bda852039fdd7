"""XML files of any encoding in which ASCII stays ASCII, as UTF-8: expat itself knows few others."""

import codecs
import contextlib
from xml.parsers import expat

_DECLARATION_MOST = 512
"""Bytes in which an XML declaration ends."""
_PLAIN = bytes((9, 10, 13, *range(32, 92), *range(93, 127))) + rb"\n\u0041"
"""All ASCII that XML can hold, the backslash as programs use it."""


class BadEncoding(ValueError):
    """The file is not in the encoding that it names, or nobody knows this encoding."""


def find_encoding(content: bytes) -> str:
    """Return the encoding that a file names; "utf-8" if it names none."""
    head, end, _ = content[:_DECLARATION_MOST].partition(b"?>")
    found: list[str | None] = []
    parser = expat.ParserCreate("utf-8")
    parser.XmlDeclHandler = lambda _version, encoding, _standalone: found.append(encoding)
    with contextlib.suppress(expat.ExpatError):  # whoever reads the file says what is wrong
        parser.Parse(head + end, False)  # noqa: FBT003 - of the standard library
    return (found[0] if found else None) or "utf-8"


def decode_xml(content: bytes, encoding: str) -> bytes:
    """Return a file in UTF-8 that `encode_xml` brings back byte for byte.

    Raises:
        BadEncoding: it is not in this encoding, or cannot be brought back.

    """
    try:
        if codecs.lookup(encoding).name == "utf-8":
            return content
        _check_encoding(encoding)
        text = content.decode(encoding)
        made, again = text.encode(), text.encode(encoding)
    except (LookupError, ValueError) as error:
        raise BadEncoding(
            f"expected XML in the encoding that it names, {encoding!r}; found: {error}"
        ) from None
    if again != content:
        raise BadEncoding(f"expected XML that can be written again in {encoding!r}; found other bytes")
    return made


def encode_xml(content: bytes, encoding: str) -> bytes:
    """Return a file in UTF-8 in the encoding that it names."""
    return content if codecs.lookup(encoding).name == "utf-8" else content.decode().encode(encoding)


def _check_encoding(encoding: str) -> None:
    """Refuse what is no encoding of files: idna and punycode, which take very long, and escapes."""
    if _PLAIN.decode(encoding) != _PLAIN.decode("ascii") or _PLAIN.decode().encode(encoding) != _PLAIN:
        raise LookupError(f"{encoding!r} writes ASCII as other bytes")
