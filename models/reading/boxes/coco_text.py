"""COCO's JSON as text, one record at a time: a file of any size takes little memory, and keeps its look.

`split_document` cuts a document into pieces that together are the document, so an edited copy differs only
where a record was changed or left out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

ANNOTATIONS, CATEGORIES, IMAGES = "annotations", "categories", "images"
RECORD_MOST = 32 << 20
"""Characters of one record, or of one value beside the records; the outline of a crowd has some 100,000."""
_SPACE = re.compile(r"[ \t\n\r]*")
_BETWEEN = re.compile(r"[ \t\n\r]*,[ \t\n\r]*(?=\{)")
_DECODER = json.JSONDecoder()


class BadDocument(ValueError):
    """The document is no JSON, or one value in it is too long."""


class Piece(NamedTuple):
    """A part of a document: plain text, or a record with what stands between it and the one before."""

    text: str
    section: str = ""
    """The top-level list in which a record stands; "": plain text."""
    number: int = 0
    """Of a record within its section, from 0."""
    before: str = ""
    value: Any = None


class _Text:
    """A text that arrives in blocks: what is left of it, and how far it was read."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._text = ""
        self._start = self._at = 0

    def fill(self) -> bool:
        """Get as many further characters as there are unread ones, at least a block; False: none are left."""
        wanted = len(self._text) - self._start
        parts = [self._text[self._start :]]
        self._at, self._start = self._at - self._start, 0
        got = 0
        while (block := next(self._blocks, "")) and (got := got + len(block)):
            parts.append(block)
            if got >= wanted:
                break
        self._text = "".join(parts)
        return got > 0

    def peek(self) -> str:
        """Skip white space and return the next character; "" at the end."""
        while True:
            self._at = _skip_space(self._text, self._at)
            if self._at < len(self._text) or not self.fill():
                return self._text[self._at : self._at + 1]

    def skip(self, expected: str) -> None:
        """Skip a character; BadDocument if another one is next."""
        if (found := self.peek()) != expected:
            raise BadDocument(f"expected {expected!r} in the JSON; found {found or 'its end'!r}")
        self._at += 1

    def decode(self) -> Any:  # noqa: ANN401 - JSON
        """Return the next value; BadDocument if there is none."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > RECORD_MOST or not self.fill():
                    raise BadDocument(f"expected complete JSON; found: {error}") from None
                continue
            if end < len(self._text) or not self.fill():  # a number may go on in the next block
                self._at = end
                return value

    def take(self) -> str:
        """Return what was read since the last call."""
        taken, self._start = self._text[self._start : self._at], self._at
        return taken

    def read_next(self) -> tuple[str, str, Any] | None:
        """Return the next record of a list with what stands before it; None if more text is needed."""
        start = self._start
        match = _BETWEEN.match(self._text, self._at)
        try:
            if match is None:
                return None
            at = match.end()
            value, end = _DECODER.raw_decode(self._text, at)
        except (ValueError, RecursionError):
            return None
        self._start = self._at = end
        return self._text[start:at], self._text[at:end], value

    def take_rest(self) -> Iterator[str]:
        """Yield everything that is left."""
        yield self._text[self._start :]
        yield from self._blocks


def split_document(blocks: Iterator[str]) -> Iterator[Piece]:
    """Yield the pieces of a COCO document; BadDocument if it is broken."""
    text, counts = _Text(blocks), dict.fromkeys((IMAGES, ANNOTATIONS, CATEGORIES), 0)
    text.skip("{")
    while text.peek() != "}":
        name = text.decode()
        text.skip(":")
        if isinstance(name, str) and name in counts and text.peek() == "[":
            yield from _split_list(text, name, counts)
        else:
            text.decode()
        if text.peek() == ",":
            text.skip(",")
        elif text.peek() != "}":
            text.skip("}")
        yield Piece(text=text.take())
    for rest in text.take_rest():
        yield Piece(text=rest)


def _split_list(text: _Text, section: str, counts: dict[str, int]) -> Iterator[Piece]:
    text.skip("[")
    yield Piece(text=text.take())
    while text.peek() != "]":
        before = text.take()
        value = text.decode()
        yield Piece(text=text.take(), section=section, number=counts[section], before=before, value=value)
        counts[section] += 1
        while (record := text.read_next()) is not None:  # the same in one step, as most records are
            yield Piece(record[1], section, counts[section], record[0], record[2])
            counts[section] += 1
        if text.peek() == ",":
            text.skip(",")
        elif text.peek() != "]":
            text.skip("]")
    text.skip("]")


def rewrite_document(blocks: Iterator[str], changes: Mapping[int, object]) -> Iterator[str]:
    """Yield a document with other categories of some annotations, and without others.

    Args:
        blocks: the document.
        changes: by the number of the annotation its new category_id, or None: it is left out.

    """
    first, has_one = "", False
    for piece in split_document(blocks):
        if piece.section != ANNOTATIONS:
            yield piece.before + piece.text
            continue
        first = piece.before if piece.number == 0 else first
        if piece.number in changes and changes[piece.number] is None:
            continue
        yield piece.before if has_one else first
        has_one = True
        new = changes.get(piece.number)
        yield piece.text if new is None else _replace_member(piece.text, "category_id", new)


def _replace_member(text: str, name: str, value: object) -> str:
    """Return the text of an object with another value of a member; the last one counts, as for readers."""
    at, place = _skip_space(text, 1), None
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _skip_space(text, _skip_space(text, at) + 1)
        _, at = _DECODER.raw_decode(text, start)
        place = (start, at) if key == name else place
        at = _skip_space(text, at)
        at = _skip_space(text, at + 1) if text[at] == "," else at
    if place is None:
        raise BadDocument(f"expected an object with {name!r}; found {text[:80]!r}")
    return text[: place[0]] + json.dumps(value) + text[place[1] :]


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
