"""Names of files in archives and addresses of files, as every part of the service reads and shows them."""

import re

UNSAFE = re.compile(r"^/|^[A-Za-z]:|\\|\x00|(?:^|/)\.\.(?:/|$)")
UNTIDY = re.compile(r"(?:^|/)\.?/|/\.$")
LITTER = re.compile(
    r"(?:^|/)(?:\.|__MACOSX(?:/|$)|@eaDir(?:/|$)|#recycle(?:/|$)|@Recycle(?:/|$)|@tmp(?:/|$)|\$RECYCLE\.BIN(?:/|$)"
    r"|System Volume Information(?:/|$)|lost\+found(?:/|$)"
    r"|(?i:Thumbs\.db|ehthumbs\.db|desktop\.ini|SYNOFILE_THUMB.*|Icon\r)$)"
)
"""What macOS, Windows and the boxes of Synology and QNAP add: hidden files, thumbnails, bins."""


QUERY = re.compile(r"(?<=\S)[?][^\s'\"<>),.;][^\s'\"<>]*")
"""The query of an address within a text; prose has something else after a question mark."""
USER = re.compile(r"(?<=://)[^/@\s?#]+@")


COMPRESSED_SUFFIXES = ("gz", "bz2", "xz")
TARRED_SUFFIXES = ("tgz", "tbz2", "txz")


def decode_name(raw: bytes) -> str:
    """Decode the name of a tar's member: UTF-8, else one byte a character, so that no name is lost."""
    return raw.decode("utf-8" if is_utf8(raw) else "latin-1")


def is_utf8(raw: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def tidy_name(name: str) -> str:
    """Return a member's name without "./" and "//"; ValueError if it may point outside the archive."""
    if UNSAFE.search(name):
        raise ValueError(name)
    if UNTIDY.search(name):
        folder = "/" if name.endswith("/") else ""
        name = "/".join(part for part in name.split("/") if part not in ("", ".")) + folder
    return name


def find_stem(name: str) -> str:
    """Return a member's path up to the first dot of its file name: what the files of a sample share."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def strip_compression(name: str) -> str:
    """Return a file's name without the ending of its compression; .tgz and the like become .tar."""
    stem, dot, suffix = name.rpartition(".")
    if suffix.lower() in TARRED_SUFFIXES:
        return f"{stem}.tar"
    return stem if dot and suffix.lower() in COMPRESSED_SUFFIXES else name


def hide_query(address: str) -> str:
    """Return an address without its query and user, which may be secret."""
    path, _, query = address.partition("?")
    return USER.sub("", path if query else address)


def hide_queries(text: str) -> str:
    """Return a text without the queries and users of the addresses in it."""
    return USER.sub("", QUERY.sub("", text))


def is_litter(name: str) -> bool:
    """Return whether an operating system or a storage box added this file."""
    return LITTER.search(name) is not None
