"""Names in a zip: their encodings and their slashes."""

from __future__ import annotations

import struct
import zlib

_UNICODE_NAME = 0x7075


class Slashes:
    """Reads the backslashes of a zip made by PowerShell as slashes; not of a zip that has both."""

    def __init__(self) -> None:
        self.are_back = self.are_forward = False

    def straighten(self, name: str) -> str:
        """Return a name with forward slashes."""
        self.are_forward |= "/" in name
        if "\\" not in name or self.are_forward:
            return name
        self.are_back = True
        return name.replace("\\", "/")


def read_name(raw: bytes, extra: bytes) -> tuple[str, bool]:
    """Return the name and whether its encoding is known.

    It is taken from the extra field for Unicode names, if that belongs to the name in the header.
    """
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        content = extra[position + 4 : position + 4 + length]
        is_name = kind == _UNICODE_NAME and len(content) > 5 and content[0] == 1  # noqa: PLR2004 - version, CRC
        if is_name and struct.unpack_from("<L", content, 1)[0] == zlib.crc32(raw):
            return content[5:].decode("utf-8", "replace"), True
        position += 4 + length
    return _decode_name(raw)


def _decode_name(raw: bytes) -> tuple[str, bool]:
    """Decode a name: UTF-8, as nearly all programs write it, else the code page of the zip standard."""
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode("cp437"), False
