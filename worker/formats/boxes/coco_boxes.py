"""Boxes of COCO's JSON: lists of pictures, annotations and categories."""

from __future__ import annotations

import codecs
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from models.reading.boxes.coco_text import ANNOTATIONS, CATEGORIES, IMAGES, BadDocument, Piece, split_document
from models.reading.label_texts import clean_text
from worker.formats.archives.member_index import find_folder
from worker.formats.archives.member_names import get_suffix
from worker.formats.archives.split_names import find_split
from worker.formats.boxes.found_boxes import FoundBoxes, number_alike
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import IngestError, SampleError, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.formats.archives.archive import Archive
    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.shared.sample import Ingestion

_BLOCK = 1 << 20
_HEAD_BYTES = 1 << 16
_BOX = 4
_UNKNOWN, _MISSING = -2, -1
_ALIVE_EVERY = 10_000
_LARGEST = 1e9
_CATEGORIES_MOST = 100_000
_ID_MOST = 200
"""Characters of an id: keys of samples have room for it."""
_USABLE = f"an id of at most {_ID_MOST} characters"


def find_documents(archive: Archive) -> list[int]:
    """Return the JSON files whose annotations have boxes."""
    names = [(member, name) for member, name in enumerate(archive.names) if get_suffix(name) == "json"]
    return [member for member, name in names if _has_boxes(archive, member, name)]


def _has_boxes(archive: Archive, member: int, _name: str) -> bool:
    lists_pictures = False
    try:
        for piece in split_document(_read_text(archive, member)):
            if piece.section == ANNOTATIONS:
                return isinstance(piece.value, dict) and "bbox" in piece.value
            if isinstance(piece.value, dict):
                lists_pictures = lists_pictures or "file_name" in piece.value
    except BadDocument:
        return lists_pictures  # cut off before its boxes: it is read, and refused as damaged
    except (SampleError, IngestError, UnicodeError):
        return False
    return False


def _read_text(archive: Archive, member: int) -> Iterator[str]:
    """Yield the text of a member in blocks."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    for block in archive.read_blocks(member):
        yield decoder.decode(block)


@dataclass(kw_only=True)
class _Document:
    """What one file says, in the order in which it says it; slots number ids as they are met."""

    images: dict[str, int] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)
    """The category's id as written."""
    slots: array[int] = field(default_factory=lambda: array("q"))
    """For each annotation with a box: its picture, category and number."""
    corners: array[float] = field(default_factory=lambda: array("d"))
    ids: Texts = field(default_factory=Texts)


def read_documents(index: MemberIndex, members: list[int], ingestion: Ingestion) -> FoundBoxes:
    """Return the boxes of all files."""
    found = FoundBoxes(format="coco", is_share=False)
    ingestion.layout["categories"] = {}
    ingestion.vocabulary.is_literal = True
    for member in members:
        document = _read_document(index, member, found, ingestion)
        _name_categories(document, index.archive.names[member], ingestion)
        _collect(document, index, member, found, ingestion)
    return found


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The state of reading one file."""

    document: _Document
    name: str
    index: MemberIndex
    found: FoundBoxes
    ingestion: Ingestion


def _read_document(index: MemberIndex, member: int, found: FoundBoxes, ingestion: Ingestion) -> _Document:
    document, name = _Document(), index.archive.names[member]
    reading = _Reading(document=document, name=name, index=index, found=found, ingestion=ingestion)
    readers = {IMAGES: _read_image, CATEGORIES: _read_category, ANNOTATIONS: _read_box}
    try:
        for piece in split_document(_read_text(index.archive, member)):
            if piece.section:
                readers[piece.section](reading, piece)
                if piece.number % _ALIVE_EVERY == 0:
                    ingestion.alive()
    except (BadDocument, SampleError) as error:
        raise IngestError("bad_annotations", make_printable(f"{error} (in {name!r})")) from None
    return document


def _read_image(reading: _Reading, piece: Piece) -> None:
    document, ingestion, name = reading.document, reading.ingestion, reading.name
    entry = piece.value if isinstance(piece.value, dict) else {}
    identifier, path = _spell_id(entry.get("id")), entry.get("file_name")
    if identifier is None or not isinstance(path, str):
        ingestion.problems.add(
            name, "bad_row", f"expected a picture with {_USABLE} and file_name; found another entry"
        )
        return
    slot = document.images.setdefault(identifier, len(document.images))
    if slot in document.members:
        ingestion.understood.note(
            "repeated_ids", f"several pictures in {name!r} have the id {identifier}: the first counts"
        )
        return
    member = reading.index.find(path, name, ingestion)
    document.members[slot] = _MISSING if member is None else member
    document.paths[slot] = path
    document.sizes[slot] = (_read_size(entry.get("width")), _read_size(entry.get("height")))
    if member is None:
        ingestion.problems.add(path, "missing_picture", reading.index.describe_missing(path))
    else:
        reading.found.listed.add(member)


def _read_size(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < _LARGEST else 0


def _spell_id(value: object) -> str | None:
    """Return an id as text: 7, 7.0 and "7" are the same; None: it is none, or too long to be kept whole."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    text = str(int(value) if isinstance(value, float) else value)
    return text if len(text) <= _ID_MOST else None


def _read_category(reading: _Reading, piece: Piece) -> None:
    document, ingestion, name = reading.document, reading.ingestion, reading.name
    entry = piece.value if isinstance(piece.value, dict) else {}
    identifier = _spell_id(entry.get("id"))
    if identifier is None:
        ingestion.problems.add(name, "bad_row", f"expected a category with {_USABLE}; found another entry")
        return
    if len(document.names) >= _CATEGORIES_MOST:
        return
    slot = document.categories.setdefault(identifier, len(document.categories))
    if slot in document.names:
        ingestion.understood.note(
            "repeated_ids",
            f"several categories in {name!r} have the id {identifier}: the first name, "
            f"{document.names[slot]!r}, counts, so this class may hold others",
        )
        return
    text = clean_text(str(entry.get("name", "")))[: ingestion.limits.max_text_length]
    document.names[slot] = make_printable(text) or identifier
    document.values[slot] = entry["id"]


def _read_box(reading: _Reading, piece: Piece) -> None:
    document, found, entry = reading.document, reading.found, piece.value
    if not isinstance(entry, dict):
        found.left["annotations that are no objects"] += 1
        return
    if entry.get("iscrowd") in (1, True):
        found.left["boxes around crowds (iscrowd)"] += 1
        return
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != _BOX:
        found.left["annotations without a box"] += 1
        return
    picture, category = _spell_id(entry.get("image_id")), _spell_id(entry.get("category_id"))
    if picture is None or category is None:
        found.left[f"annotations without image_id and category_id of at most {_ID_MOST} characters"] += 1
        return
    if "keypoints" in entry:
        found.left["sets of keypoints"] += 1
    document.slots.extend(
        (
            document.images.setdefault(picture, len(document.images)),
            document.categories.setdefault(category, len(document.categories)),
            piece.number,
        )
    )
    document.corners.extend(_find_corners(box))
    document.ids.append(_spell_id(entry.get("id")) or str(piece.number))


def _find_corners(box: list[Any]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom; NaN where a value is no number."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in box):
        return (float("nan"),) * 4
    left, top, width, height = (max(-_LARGEST * 2, min(value, _LARGEST * 2)) for value in box)
    return float(left), float(top), float(left + width), float(top + height)


def _name_categories(document: _Document, name: str, ingestion: Ingestion) -> None:
    """Name all categories, and keep which id means which class in this file."""
    identifiers = {slot: identifier for identifier, slot in document.categories.items()}
    slots = list(document.names)
    texts = number_alike([document.names[slot] for slot in slots], [identifiers[slot] for slot in slots])
    if any(text != document.names[slot] for slot, text in zip(slots, texts, strict=True)):
        ingestion.understood.note(
            "repeated_names", f"several categories in {name!r} have one name: each stays a class of its own"
        )
    vocabulary = ingestion.vocabulary
    document.names = {
        slot: vocabulary.names[vocabulary.get_code(text)] for slot, text in zip(slots, texts, strict=True)
    }
    vocabulary.set_order([*vocabulary.upload_order, *texts])
    ingestion.layout["categories"][name] = {document.names[slot]: document.values[slot] for slot in slots}


def _collect(
    document: _Document, index: MemberIndex, member: int, found: FoundBoxes, ingestion: Ingestion
) -> None:
    name = index.archive.names[member]
    split = find_split(name) or find_split(find_folder(name).rstrip("/"))
    codes = {slot: ingestion.vocabulary.get_code(text) for slot, text in document.names.items()}
    slots = np.frombuffer(document.slots, dtype=np.int64).reshape(-1, 3)
    if len(slots) and not codes:
        raise IngestError(
            "bad_annotations",
            f"expected the categories of {len(slots):,} boxes; found none in the list `categories` of"
            f" {make_printable(name)!r} (list each with its id and name)",
        )
    corners = np.frombuffer(document.corners, dtype=np.float64).reshape(-1, 4)
    for row, (picture, category, number) in enumerate(slots.tolist()):
        place = document.members.get(picture, _UNKNOWN)
        if place < 0:
            if place == _UNKNOWN:
                found.left["boxes of pictures that the file does not list"] += 1
            continue
        if category not in codes:
            found.left["boxes of categories that the file does not list"] += 1
            continue
        found.add(
            place=(place, member, number),
            given=codes[category],
            corners=tuple(corners[row].tolist()),
            stated=document.sizes[picture],
            key=f"{index.get_key(place)}#{document.ids[row]}",
            split=split,
        )
    ingestion.alive()
