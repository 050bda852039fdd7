"""Boxes of Pascal VOC: an XML file for each picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.reading.boxes.voc_text import BYTES_MOST, BadAnnotation, is_annotation, read_annotation
from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.archives.split_names import find_split, is_split_name
from worker.formats.boxes.found_boxes import FoundBoxes
from worker.formats.shared.problems import SampleError, make_printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.formats.archives.archive import Archive
    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.shared.sample import Ingestion

_HEAD_BYTES = 2_048
_PROBED = 20
_ALIVE_EVERY = 1_000
_SPLITS = ("train", "val", "test")


def find_annotations(archive: Archive) -> list[int]:
    """Return the XML files of an archive, if the first are annotations and half the pictures have one."""
    files = [member for member, name in enumerate(archive.names) if get_suffix(name) == "xml"]
    pictures = sum(get_suffix(name) in PICTURE_SUFFIXES for name in archive.names)
    if not files or len(files) * 2 < pictures:
        return []
    heads = [_read_head(archive, member) for member in files[:_PROBED]]
    return files if any(is_annotation(head) for head in heads) else []


def _read_head(archive: Archive, member: int) -> bytes:
    try:
        return archive.read(member)[:_HEAD_BYTES]
    except SampleError:
        return b""


def read_annotations(index: MemberIndex, members: Sequence[int], ingestion: Ingestion) -> FoundBoxes:
    """Return the boxes of all files."""
    found = FoundBoxes(format="voc", is_share=False)
    ingestion.vocabulary.is_literal = True
    splits = _read_splits(index.archive)
    for count, member in enumerate(members):
        if count % _ALIVE_EVERY == 0:
            ingestion.alive()
        _read_file(index, member, splits, found, ingestion)
    return found


def _read_file(
    index: MemberIndex, member: int, splits: Mapping[str, str], found: FoundBoxes, ingestion: Ingestion
) -> None:
    name = index.archive.names[member]
    try:
        annotation = read_annotation(index.archive.read(member))
    except (BadAnnotation, SampleError) as error:
        ingestion.problems.add(name, "bad_row", make_printable(str(error)))
        return
    stem = name.rsplit("/", 1)[-1].rpartition(".")[0]
    picture = _find_picture(index, annotation.picture, stem, name)
    if picture is None:
        path = annotation.picture or stem
        ingestion.problems.add(name, "missing_picture", index.describe_missing(path))
        return
    found.listed.add(picture)
    split = splits.get(stem) or _find_folder_split(name)
    for number, each in enumerate(annotation.objects):
        key = f"{index.get_key(picture)}#{number + 1}"
        corners = each.find_corners()
        if corners is None or not each.name:
            ingestion.problems.add(
                key, "bad_row", "expected a name and a bndbox of four numbers; found others"
            )
            continue
        found.add(
            place=(picture, member, number),
            given=ingestion.vocabulary.get_code(each.name),
            corners=corners,
            stated=(annotation.width, annotation.height),
            key=key,
            split=split,
        )


def _find_picture(index: MemberIndex, path: str, stem: str, name: str) -> int | None:
    """Return the picture of a file: the one of its own name, else the one that it names."""
    for wanted in (stem, path):
        found = index.find(wanted, name) if wanted else None
        if found is not None and get_suffix(index.archive.names[found]) in PICTURE_SUFFIXES:
            return found
    return None


def _find_folder_split(name: str) -> str | None:
    named = next((part for part in name.split("/")[:-1] if is_split_name(part)), None)
    return find_split(named) if named else None


def _read_splits(archive: Archive) -> Mapping[str, str]:
    """Return the split of each picture by its name without ending, from the lists in ImageSets/Main."""
    found: dict[str, str] = {}
    for member, name in enumerate(archive.names):
        parts = name.split("/")
        split = parts[-1].removesuffix(".txt")
        if "ImageSets" not in parts[:-1] or split not in _SPLITS:
            continue
        try:
            content = archive.read(member)[:BYTES_MOST]
        except SampleError:
            continue
        for line in content.decode("utf-8", "replace").splitlines():
            words = line.split()
            if words:
                found.setdefault(words[0], split)
    return found
