"""Archives of pictures: class folders, metadata tables or list files."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

import numpy as np

from worker.formats.archives.foreign_files import check_foreign_labels
from worker.formats.archives.joined_archive import JoinedArchive
from worker.formats.archives.member_index import MemberIndex
from worker.formats.archives.member_names import (
    OTHER_SUFFIXES,
    PICTURE_SUFFIXES,
    find_common_root,
    get_suffix,
)
from worker.formats.archives.tars import TarArchive
from worker.formats.archives.unread_names import note_class_lists
from worker.formats.boxes.box_archives import open_boxes
from worker.formats.layouts.folder_labels import FolderLabels, describe_level, find_class_level, select_paths
from worker.formats.layouts.label_sources import choose_tables
from worker.formats.layouts.listed_pictures import ListedPictures
from worker.formats.layouts.manifests import read_manifests
from worker.formats.layouts.picture_lists import find_lists, read_lists
from worker.formats.layouts.picture_tables import NAMES_MISSED, find_manifests
from worker.formats.layouts.web_shards import LabelFiles, find_label_files, read_shards
from worker.formats.pictures.picture_decoding import detect_encoding
from worker.formats.shared.compact_texts import TextSelection
from worker.formats.shared.problems import IngestError, SampleError
from worker.formats.shared.sample import Columns, EncodedChunk, EncodedImages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion, Locations

_CHUNK_PICTURES = 64
_CHUNK_BYTES = 1 << 20
_SNIFFED = 20


def open_archive_pictures(archive: Archive, ingestion: Ingestion, *, original: bool) -> EncodedImages | None:
    """Open the pictures of an archive with their labels; None if there are no pictures."""
    if not _has_pictures(archive):
        return None
    requested = ingestion.options.format
    index = MemberIndex(archive)
    if (boxes := open_boxes(archive, index, ingestion, original=original)) is not None:
        return boxes
    if requested in (None, "manifest") and (
        manifests := choose_tables(index, find_manifests(index, ingestion), ingestion)
    ):
        pictures = read_manifests(index, manifests, ingestion, original=original)
    elif requested in (None, "webdataset") and (labels := _find_label_files(archive, index, ingestion)):
        pictures = read_shards(archive, labels, ingestion, root=index.root, is_joined=False)
    elif requested in (None, "list_files") and (lists := find_lists(index, ingestion)):
        pictures = read_lists(index, lists, ingestion, original=original)
    else:
        pictures = _label_without_tables(archive, ingestion)
    note_class_lists(archive.names, ingestion.vocabulary.names, ingestion.understood)
    return _make_source(archive, pictures, original=original)


def _label_without_tables(archive: Archive, ingestion: Ingestion) -> ListedPictures:
    """Label each picture by its folder; where that fails, say which table or format was not read."""
    missed = [str(note["text"]) for note in ingestion.understood.notes if note["code"] == NAMES_MISSED]
    try:
        pictures = label_by_folder(archive, ingestion)
    except IngestError:
        if missed:
            raise IngestError(NAMES_MISSED, missed[0]) from None
        if ingestion.options.format is None:
            check_foreign_labels(archive)
        raise
    if len(ingestion.vocabulary.names) < 2:  # noqa: PLR2004 - two classes
        if missed:
            raise IngestError(NAMES_MISSED, missed[0])
        check_foreign_labels(archive)
    return pictures


def _find_label_files(archive: Archive, index: MemberIndex, ingestion: Ingestion) -> LabelFiles | None:
    """Find WebDataset's label files in a tar; JSON files count only where no folders are classes."""
    if not isinstance(archive, TarArchive):
        return None
    labels = find_label_files(archive, ingestion)
    if labels is None or labels.field is None or ingestion.options.format is not None:
        return labels
    if FolderLabels(index, ingestion).count < 2:  # noqa: PLR2004 - two classes
        return labels
    ingestion.understood.note(
        "json_not_used",
        f"the folders were taken as classes, not the field {labels.field!r} of the JSON files beside the "
        "pictures; format=webdataset takes these",
        option="format",
    )
    return None


def open_web_shards(tars: Mapping[str, TarArchive], ingestion: Ingestion) -> EncodedImages | None:
    """Open several tars as the shards of one WebDataset, by their names; None if they are none."""
    joined = JoinedArchive({name.removesuffix(".tar"): tar for name, tar in tars.items()}, ingestion.limits)
    labels = find_label_files(joined, ingestion)
    if labels is None:
        return None
    ingestion.layout["parts"] = list(tars)
    pictures = read_shards(joined, labels, ingestion, root="", is_joined=True)
    return _make_source(joined, pictures, original=False)


def _has_pictures(archive: Archive) -> bool:
    """Return whether there are pictures: by their names, else by the first bytes of the first members."""
    if any(get_suffix(name) in PICTURE_SUFFIXES for name in archive.names):
        return True
    for member, name in enumerate(archive.names[:_SNIFFED]):
        try:
            if get_suffix(name) not in OTHER_SUFFIXES and detect_encoding(archive.read(member)):
                return True
        except SampleError:
            continue
    return False


def label_by_folder(archive: Archive, ingestion: Ingestion) -> ListedPictures:
    """Label each picture with the first folder below the common root and the split level."""
    names = archive.names
    candidates = np.fromiter(
        (member for member, name in enumerate(names) if get_suffix(name) not in OTHER_SUFFIXES), np.int64
    )
    pictures = TextSelection(names, candidates)
    root = find_common_root(pictures)
    found = find_class_level(select_paths(names, root), ingestion)
    level = found.level
    ingestion.vocabulary.is_literal = True
    ingestion.layout["class_level"] = level
    ingestion.understood.facts["label_from"] = describe_level(level, root)
    labelled = array("q")
    splits: list[str] = []

    def read_labels() -> Iterator[str]:
        for member, name in enumerate(names):
            is_candidate = name.startswith(root) and get_suffix(name) not in OTHER_SUFFIXES
            folders = name[len(root) :].split("/") if is_candidate else []
            if len(folders) < level + 2 or folders[0] in found.ignored:
                _log_stray(name, ingestion, is_candidate=is_candidate)
                continue
            labelled.append(member)
            if found.has_splits:
                splits.append(sys.intern(folders[0]))
            yield folders[level]

    given = ingestion.vocabulary.encode(read_labels())
    members = np.frombuffer(labelled, dtype=np.int64)
    return ListedPictures(
        format="class_folders",
        members=members,
        columns=Columns(
            given=given,
            keys=TextSelection(names, members, start=len(root)),
            splits=splits if found.has_splits else None,
        ),
    )


def _log_stray(name: str, ingestion: Ingestion, *, is_candidate: bool) -> None:
    if is_candidate:
        ingestion.problems.add(
            name,
            "not_in_class_folder",
            "expected a picture in a folder named as its class; found it outside of any (make one folder for "
            "each class, or add a metadata.csv with the columns file_name and label)",
        )
    else:
        ingestion.problems.add(name, "not_an_image", "expected only pictures; found a file of another kind")


def _make_source(archive: Archive, pictures: ListedPictures, *, original: bool) -> EncodedImages:
    members = pictures.members

    def find_locations() -> Locations | None:
        return archive.find_locations(members) if original else None

    return EncodedImages(
        format=pictures.format,
        columns=pictures.columns,
        chunks=lambda: _split_chunks(archive, members),
        probe=lambda count: _sample_pictures(archive, members, count),
        names=TextSelection(archive.names, members),
        locations=find_locations,
        records=pictures.records,
    )


def _split_chunks(archive: Archive, members: NDArray[np.int64]) -> Iterator[EncodedChunk]:
    """Split into chunks of at most 64 pictures and about 1 MiB, so that threads seldom wait."""
    ends = np.cumsum(archive.find_locations(members).lengths)
    archive.plan_reads(members)
    start = 0
    while start < len(members):
        full = int(np.searchsorted(ends, ends[start] + _CHUNK_BYTES))
        stop = min(max(full, start + 1), start + _CHUNK_PICTURES, len(members))
        yield EncodedChunk(start=start, count=stop - start, load=_make_loader(archive, members[start:stop]))
        start = stop


def _make_loader(archive: Archive, members: NDArray[np.int64]) -> Callable[[int], bytes]:
    return lambda row: archive.read(int(members[row]))


def _sample_pictures(archive: Archive, members: NDArray[np.int64], count: int) -> Iterator[bytes]:
    """Yield evenly spaced pictures from the first to the last."""
    at = np.unique(np.linspace(0, len(members) - 1, count).astype(np.int64)) if len(members) else members
    for member in members[at].tolist():
        try:
            yield archive.read(member)
        except SampleError:
            continue
