"""Archives of pictures with boxes: which reader takes them, and the samples that they give."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker.formats.archives.member_names import OTHER_SUFFIXES, get_suffix
from worker.formats.boxes.coco_boxes import find_documents, read_documents
from worker.formats.boxes.found_boxes import note_left
from worker.formats.boxes.voc_boxes import find_annotations, read_annotations
from worker.formats.boxes.yolo_boxes import find_folders, read_folders
from worker.formats.shared.compact_texts import TextSelection
from worker.formats.shared.problems import SampleError
from worker.formats.shared.sample import Columns, EncodedChunk, EncodedImages, SampleBoxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.boxes.found_boxes import FoundBoxes
    from worker.formats.shared.sample import Ingestion, Locations

MEMBERS_FILE = "members.parquet"
"""Where each member stands in the upload, beside the pack: exports copy what is not changed."""
_CHUNK_BOXES, _CHUNK_BYTES = 256, 1 << 20
_ROWS_AT_ONCE = 65_536


def open_boxes(
    archive: Archive, index: MemberIndex, ingestion: Ingestion, *, original: bool
) -> EncodedImages | None:
    """Open the boxes of an archive; None if no file of it names boxes, or another format was asked for."""
    found = _read(archive, index, ingestion)
    if found is None:
        return None
    _note_pictures(found, archive, ingestion)
    rows = found.order()
    note_left(found, ingestion)
    ingestion.understood.note(
        "boxes_are_samples",
        "each box is a sample and its class is audited, not its place; objects without a box cannot be found",
    )
    return _make_source(found, rows, archive, ingestion, original=original)


def _read(archive: Archive, index: MemberIndex, ingestion: Ingestion) -> FoundBoxes | None:
    requested = ingestion.options.format
    if requested in (None, "coco") and (documents := find_documents(archive)):
        return read_documents(index, documents, ingestion)
    if requested in (None, "yolo") and (folders := find_folders(archive)) is not None:
        return read_folders(index, folders, ingestion)
    if requested in (None, "voc") and (files := find_annotations(archive)):
        return read_annotations(index, files, ingestion)
    return None


def _note_pictures(found: FoundBoxes, archive: Archive, ingestion: Ingestion) -> None:
    """List the pictures that no annotation file names, and those that have no box."""
    boxed = set(np.unique(np.frombuffer(found.members, dtype=np.int64)).tolist())
    for member, name in enumerate(archive.names):
        if member in boxed or get_suffix(name) in OTHER_SUFFIXES:
            continue
        if member in found.listed:
            ingestion.problems.add(
                name, "picture_without_boxes", "expected a box; found none: a missing one cannot be told"
            )
        else:
            ingestion.problems.add(
                name, "not_listed", "expected annotations for each picture; found none for this one"
            )


def _make_source(
    found: FoundBoxes, rows: NDArray[np.int64], archive: Archive, ingestion: Ingestion, *, original: bool
) -> EncodedImages:
    members = np.frombuffer(found.members, dtype=np.int64)[rows]
    files = np.frombuffer(found.files, dtype=np.int64)[rows]
    numbers = np.unique(members, return_inverse=True)[1]
    splits = [found.splits[row] for row in rows.tolist()] if any(found.splits) else None

    def find_locations() -> Locations | None:
        if not original:
            return None
        _write_members(archive, ingestion)
        return archive.find_locations(members)

    return EncodedImages(
        format=found.format,
        columns=Columns(
            given=np.frombuffer(found.given, dtype=np.int32)[rows],
            keys=TextSelection(found.keys, rows),
            splits=splits,
        ),
        chunks=lambda: _split_chunks(archive, members),
        probe=lambda count: _sample_pictures(archive, np.unique(members), count),
        names=TextSelection(archive.names, files),
        locations=find_locations,
        records=np.frombuffer(found.records, dtype=np.int64)[rows],
        boxes=SampleBoxes(
            corners=np.frombuffer(found.corners, dtype=np.float64).reshape(-1, 4)[rows],
            is_share=found.is_share,
            stated=np.frombuffer(found.stated, dtype=np.int64).reshape(-1, 2)[rows],
            pictures=numbers,
        ),
    )


def _split_chunks(archive: Archive, members: NDArray[np.int64]) -> Iterator[EncodedChunk]:
    """Split into chunks of whole pictures: about 1 MiB of them, or 256 boxes."""
    starts = np.flatnonzero(np.diff(members, prepend=-1))
    if not len(starts):
        return
    ends = [*starts[1:].tolist(), len(members)]
    sizes = archive.find_locations(members[starts]).lengths.tolist()
    archive.plan_reads(members)
    borders, taken = [0], 0
    for end, size in zip(ends, sizes, strict=True):
        taken += size
        if taken >= _CHUNK_BYTES or end - borders[-1] >= _CHUNK_BOXES or end == len(members):
            borders.append(end)
            taken = 0
    for start, stop in pairwise(borders):
        yield EncodedChunk(start=start, count=stop - start, load=_make_loader(archive, members[start:stop]))


def _make_loader(archive: Archive, members: NDArray[np.int64]) -> Callable[[int], bytes]:
    return lambda row: archive.read(int(members[row]))


def _sample_pictures(archive: Archive, members: NDArray[np.int64], count: int) -> Iterator[bytes]:
    """Yield evenly spaced pictures."""
    at = np.unique(np.linspace(0, len(members) - 1, count).astype(np.int64)) if len(members) else members
    for member in members[at].tolist():
        try:
            yield archive.read(member)
        except SampleError:
            continue


def _write_members(archive: Archive, ingestion: Ingestion) -> None:
    """Write the place of every member beside the pack."""
    schema = pa.schema(
        {"name": pa.string(), "offset": pa.int64(), "length": pa.int64(), "method": pa.int16()}
    )
    with pq.ParquetWriter(ingestion.destination / MEMBERS_FILE, schema, compression="zstd") as writer:
        for start in range(0, len(archive.names), _ROWS_AT_ONCE):
            members = np.arange(start, min(start + _ROWS_AT_ONCE, len(archive.names)))
            archive.locate_all(members)
            places = archive.find_locations(members)
            columns = {
                "name": archive.names[start : start + len(members)],
                "offset": places.offsets,
                "length": places.lengths,
                "method": places.methods,
            }
            writer.write_table(pa.table(columns, schema))
