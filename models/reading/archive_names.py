"""Names of files in archives, as every part of the service reads them."""

import re

UNSAFE = re.compile(r"^/|^[A-Za-z]:|\\|\x00|(?:^|/)\.\.(?:/|$)")
UNTIDY = re.compile(r"(?:^|/)\.?/|/\.$")
LITTER = re.compile(
    r"(?:^|/)(?:\.|__MACOSX(?:/|$)|@eaDir(?:/|$)|#recycle(?:/|$)|@Recycle(?:/|$)|@tmp(?:/|$)|\$RECYCLE\.BIN(?:/|$)"
    r"|System Volume Information(?:/|$)|lost\+found(?:/|$)"
    r"|(?i:Thumbs\.db|ehthumbs\.db|desktop\.ini|SYNOFILE_THUMB.*|Icon\r)$)"
)
"""What macOS, Windows and the boxes of Synology and QNAP add: hidden files, thumbnails, bins."""


def decode_name(raw: bytes) -> str:
    """Decode the name of a tar's member: UTF-8, else one byte a character, so that no name is lost."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def tidy_name(name: str) -> str:
    """Return a member's name without "./" and "//"; ValueError if it may point outside the archive."""
    if UNSAFE.search(name):
        raise ValueError(name)
    if UNTIDY.search(name):
        folder = "/" if name.endswith("/") else ""
        name = "/".join(part for part in name.split("/") if part not in ("", ".")) + folder
    return name


def is_litter(name: str) -> bool:
    """Return whether an operating system or a storage box added this file."""
    return LITTER.search(name) is not None
