"""Pascal VOC's annotations: one XML file for each picture, read without DTDs and edited in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

DEPTH_MOST = 32
BYTES_MOST = 8 << 20
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_OBJECT = ("annotation", "object")


class BadAnnotation(ValueError):
    """The file is no annotation that is read."""


@dataclass(kw_only=True)
class VocObject:
    """One object of a picture; spans are bytes of the file."""

    start: int
    end: int = 0
    name: str = ""
    name_start: int = 0
    name_end: int = 0
    corners: dict[str, str] = field(default_factory=dict)

    def find_corners(self) -> tuple[float, float, float, float] | None:
        """Return left, top, right and bottom in pixels as written; None if one is no number."""
        try:
            left, top, right, bottom = (float(self.corners[name]) for name in _CORNERS)
        except (KeyError, ValueError):
            return None
        return left, top, right, bottom


@dataclass(kw_only=True)
class VocAnnotation:
    """What a file says of its picture."""

    encoding: str = "utf-8"
    picture: str = ""
    width: int = 0
    height: int = 0
    objects: list[VocObject] = field(default_factory=list)


def read_annotation(content: bytes) -> VocAnnotation:
    """Return what a file says; BadAnnotation if it is no such XML, too large, or has a DTD."""
    if len(content) > BYTES_MOST:
        raise BadAnnotation(f"expected at most {BYTES_MOST} bytes of XML; found {len(content)}")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:64]:
        raise BadAnnotation("expected XML in UTF-8; found UTF-16")
    reader = _Reader(content)
    try:
        reader.parser.Parse(content, True)  # noqa: FBT003 - of the standard library
    except expat.ExpatError as error:
        raise BadAnnotation(f"expected complete XML; found: {error}") from None
    return reader.found


def is_annotation(head: bytes) -> bool:
    """Return whether a file begins as an annotation."""
    return b"<annotation" in head


class _Reader:
    """Collects an annotation while expat parses it."""

    def __init__(self, content: bytes) -> None:
        self.found = VocAnnotation()
        self._content = content
        self._path: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.CharacterDataHandler = self._text.append
        self.parser.XmlDeclHandler = self._declare
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.found.encoding = encoding or "utf-8"

    def _refuse(self, *_: Any) -> None:  # noqa: ANN401 - of expat
        raise BadAnnotation("expected XML without a DTD; found one (entities are not read)")

    def _open(self, name: str, _attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        self._text.clear()
        if len(self._path) > DEPTH_MOST:
            raise BadAnnotation(f"expected at most {DEPTH_MOST} elements in one another; found more")
        at = self.parser.CurrentByteIndex
        if tuple(self._path) == _OBJECT:
            self.found.objects.append(VocObject(start=at))
        elif tuple(self._path) == (*_OBJECT, "name"):
            self.found.objects[-1].name_start = self._content.index(b">", at) + 1

    def _close(self, _name: str) -> None:
        path, text, at = tuple(self._path), "".join(self._text).strip(), self.parser.CurrentByteIndex
        self._path.pop()
        self._text.clear()
        if path[:2] == _OBJECT:
            self._close_in_object(path[2:], text, at)
        elif path == ("annotation", "filename"):
            self.found.picture = text
        elif path in (("annotation", "size", "width"), ("annotation", "size", "height")):
            whole = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0  # noqa: PLR2004
            setattr(self.found, path[-1], whole)

    def _close_in_object(self, path: tuple[str, ...], text: str, at: int) -> None:
        found = self.found.objects[-1]
        if not path:
            found.end = self._content.index(b">", at) + 1
        elif path == ("name",):
            found.name, found.name_end = text, max(at, found.name_start)
        elif path[:1] == ("bndbox",) and len(path) == 2 and path[1] in _CORNERS:  # noqa: PLR2004
            found.corners[path[1]] = text


def rewrite_annotation(content: bytes, changes: Mapping[int, object]) -> bytes:
    """Return a file with other names of some objects, and without others.

    Args:
        content: the file.
        changes: by the number of the object, from 0, its new name, or None: the object is left out.

    """
    found = read_annotation(content)
    for number, new in sorted(changes.items(), reverse=True):
        each = found.objects[number]
        if new is None:
            start = len(content[: each.start].rstrip(b" \t\r\n"))
            content = content[:start] + content[each.end :]
            continue
        old = content[each.name_start : each.name_end]
        inside = old.strip(b" \t\r\n")
        name = escape(str(new)).encode(found.encoding, "xmlcharrefreplace")
        changed = old.replace(inside, name, 1) if inside else name
        content = content[: each.name_start] + changed + content[each.name_end :]
    return content
