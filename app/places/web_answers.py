"""Answers of web servers that hand out files of a place: status, tag, and the body as it is."""

import re

import httpx

from app.places.place_types import PlacedContent, UnusablePlace, make_gone, make_long

GONE = frozenset({404, 410})
PARTIAL_BYTES = 2**16
LENGTH = re.compile("[0-9]{1,18}")


def read_content(answer: httpx.Response, name: str, *, most: int, tag: str | None) -> PlacedContent:
    """Return the body of an open answer.

    Raises:
        OriginalGone: it is 404 or 410.
        TooLong: it has more than `most` bytes.
        UnusablePlace: it is anything else but 200, or compressed.

    """
    if answer.status_code in GONE:
        raise make_gone(name)
    if answer.status_code != httpx.codes.OK:
        raise UnusablePlace(
            f"expected the answer 200 for {name!r}; found {answer.status_code}"
            + (" (redirects are not followed)" if answer.is_redirect else "")
        )
    _require_plain(answer, name)
    parts, size = [], 0
    for part in answer.iter_raw(PARTIAL_BYTES):
        size += len(part)
        if size > most:
            raise make_long(name, most)
        parts.append(part)
    return PlacedContent(data=b"".join(parts), tag=tag)


def find_tag(answer: httpx.Response) -> str | None:
    """Return what changes with the content, as far as the server says: ETag, or the time of change."""
    found: str | None = answer.headers.get("etag") or answer.headers.get("last-modified")
    return found


def find_length(answer: httpx.Response, header: str = "content-length") -> int | None:
    """Return a length in bytes that a header tells."""
    text = answer.headers.get(header, "")
    return int(text) if LENGTH.fullmatch(text) else None


def _require_plain(answer: httpx.Response, name: str) -> None:
    """Raise UnusablePlace if an answer is compressed: a few bytes of it could fill the memory."""
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise UnusablePlace(
            f"expected {name!r} as it is; the server sent it compressed, as {encoding[:50]!r}"
        )
