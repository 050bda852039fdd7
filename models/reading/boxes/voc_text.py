"""Pascal VOC's annotations: one XML file for each picture, read without DTDs and edited in place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from models.reading.boxes.xml_encodings import BadEncoding, decode_xml, encode_xml, find_encoding

DEPTH_MOST = 32
BYTES_MOST = 8 << 20
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_OBJECT = ("annotation", "object")
_TAG_PART = re.compile(rb"""[^"'>]+|"[^"]*"|'[^']*'""")
"""What a tag is made of before the ">" that ends it; the values of its attributes may hold others."""
_SPACE = b" \t\r\n"


class BadAnnotation(ValueError):
    """The file is no annotation that is read."""


@dataclass(kw_only=True)
class VocObject:
    """One object of a picture; spans are bytes of the annotation's content."""

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

    content: bytes
    """The file in UTF-8."""
    encoding: str
    """In which the file came."""
    picture: str = ""
    width: int = 0
    height: int = 0
    objects: list[VocObject] = field(default_factory=list)


def read_annotation(content: bytes) -> VocAnnotation:
    """Return what a file says.

    Raises:
        BadAnnotation: it is no such XML, too large, has a DTD, or is not in the encoding that it names.

    """
    if len(content) > BYTES_MOST:
        raise BadAnnotation(f"expected at most {BYTES_MOST} bytes of XML; found {len(content)}")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:64]:
        raise BadAnnotation("expected XML in UTF-8; found UTF-16")
    encoding = find_encoding(content)
    try:
        found = VocAnnotation(content=decode_xml(content, encoding), encoding=encoding)
        _Reader(found).parser.Parse(found.content, True)  # noqa: FBT003 - of the standard library
    except BadEncoding as error:
        raise BadAnnotation(str(error)) from None
    except expat.ExpatError as error:
        raise BadAnnotation(f"expected complete XML; found: {error}") from None
    return found


def is_annotation(head: bytes) -> bool:
    """Return whether a file begins as an annotation."""
    return b"<annotation" in head


class _Reader:
    """Fills in an annotation while expat parses it."""

    def __init__(self, found: VocAnnotation) -> None:
        self.found = found
        self._path: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate("utf-8")  # whatever the file names: its content is in UTF-8 here
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.CharacterDataHandler = self._text.append
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: Any) -> None:  # noqa: ANN401 - of expat
        raise BadAnnotation("expected XML without a DTD; found one (entities are not read)")

    def _open(self, name: str, _attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        self._text.clear()
        if len(self._path) > DEPTH_MOST:
            raise BadAnnotation(f"expected at most {DEPTH_MOST} elements in one another; found more")
        at = self.parser.CurrentByteIndex
        if tuple(self._path) == _OBJECT:
            end = self._find_end(at)
            is_empty = self.found.content[end - 2 : end] == b"/>"
            self.found.objects.append(VocObject(start=at, end=end if is_empty else 0))
        elif tuple(self._path) == (*_OBJECT, "name"):
            self.found.objects[-1].name_start = self._find_end(at)

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
            found.end = found.end or self._find_end(at)
        elif path == ("name",):
            found.name, found.name_end = text, max(at, found.name_start)
        elif path[:1] == ("bndbox",) and len(path) == 2 and path[1] in _CORNERS:  # noqa: PLR2004
            found.corners[path[1]] = text

    def _find_end(self, at: int) -> int:
        """Return where the tag ends that begins here."""
        while (part := _TAG_PART.match(self.found.content, at)) is not None:
            at = part.end()
        return at + 1


def rewrite_annotation(content: bytes, changes: Mapping[int, object]) -> bytes:
    """Return a file with other names of some objects, and without others.

    Args:
        content: the file.
        changes: by the number of the object, from 0, its new name, or None: the object is left out.

    Raises:
        BadAnnotation: it is not read, or what came out does not say what it should: XML has no way to write
            some characters of a name.

    """
    found = read_annotation(content)
    changed = encode_xml(b"".join(_edit(found, changes)), found.encoding)
    expected = [
        (str(changes.get(number, each.name)), each.corners)
        for number, each in enumerate(found.objects)
        if changes.get(number, each.name) is not None
    ]
    _check_objects(changed, expected)
    return changed


def _edit(found: VocAnnotation, changes: Mapping[int, object]) -> Iterator[bytes]:
    """Yield the parts of the changed content."""
    content, done = found.content, 0
    for number, new in sorted(changes.items()):
        each = found.objects[number]
        if new is None:
            yield content[done : each.start].rstrip(_SPACE)
            done = each.end
        else:
            yield content[done : each.name_start]
            name = _spell_name(str(new), found.encoding)
            old = content[each.name_start : each.name_end]
            inside = old.strip(_SPACE)
            yield old.replace(inside, name, 1) if inside else name
            done = each.name_end
    yield content[done:]


def _spell_name(name: str, encoding: str) -> bytes:
    """Return a name as XML in UTF-8, with numbers for characters that the file's encoding does not have."""
    text = escape(name, {"\r": "&#13;"})
    return text.encode(encoding, "xmlcharrefreplace").decode(encoding).encode()


def _check_objects(changed: bytes, expected: Sequence[tuple[str, Mapping[str, str]]]) -> None:
    """Refuse a changed file whose objects are not these."""
    objects = read_annotation(changed).objects
    if len(objects) != len(expected):
        raise BadAnnotation(f"expected {len(expected)} objects after the changes; found {len(objects)}")
    for each, (name, corners) in zip(objects, expected, strict=True):
        if each.name != name.strip() or each.corners != corners:
            raise BadAnnotation(f"expected the name {name!r} after the changes; found {each.name!r}")
