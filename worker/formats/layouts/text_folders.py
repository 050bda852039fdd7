"""Archives of texts: a file for each, in the folder of its class."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from models.reading.text_encodings import TableError, decode_text
from worker.formats.archives.member_names import find_common_root, get_suffix
from worker.formats.layouts.folder_labels import describe_level, find_class_level
from worker.formats.shared.compact_texts import TextSelection
from worker.formats.shared.problems import IngestError, SampleError
from worker.formats.shared.sample import Columns, Documents, TextBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion, Locations

TEXT_SUFFIXES = frozenset(("txt", "text", "md"))
_BATCH = 512
_LEAST = 2


def open_text_folders(archive: Archive, ingestion: Ingestion, *, original: bool) -> Documents | None:
    """Open the texts of an archive, labelled by folder; None if there are no class folders of texts."""
    names = archive.names
    members = np.fromiter(
        (member for member, name in enumerate(names) if get_suffix(name) in TEXT_SUFFIXES and "/" in name),
        np.int64,
    )
    root = find_common_root(TextSelection(names, members))
    inside = np.fromiter(
        (
            member
            for member in members
            if names[member].startswith(root) and "/" in names[member][len(root) :]
        ),
        np.int64,
    )
    paths = TextSelection(names, inside, start=len(root))
    if len({path.split("/", 1)[0] for path in paths}) < _LEAST:
        return None
    try:
        found = find_class_level(paths, ingestion)
    except IngestError:
        return None
    folders = [path.split("/") for path in paths]
    kept = np.array(
        [len(parts) >= found.level + 2 and parts[0] not in found.ignored for parts in folders], np.bool_
    )
    chosen = inside[kept]
    labels = [parts[found.level] for parts, is_kept in zip(folders, kept, strict=True) if is_kept]
    if len(set(labels)) < _LEAST:
        return None
    _note_others(archive, chosen, ingestion)
    ingestion.vocabulary.is_literal = True
    ingestion.layout["class_level"] = found.level
    ingestion.understood.facts["label_from"] = describe_level(found.level, root)
    columns = Columns(
        given=ingestion.vocabulary.encode(labels),
        keys=TextSelection(names, chosen, start=len(root)),
        splits=[sys.intern(parts[0]) for parts, is_kept in zip(folders, kept, strict=True) if is_kept]
        if found.has_splits
        else None,
    )

    def find_locations() -> Locations | None:
        return archive.find_locations(chosen) if original else None

    return Documents(
        format="text_folders",
        batches=_read_batches(archive, chosen, columns, ingestion),
        names=TextSelection(names, chosen),
        locations=find_locations,
        total=len(chosen),
    )


def _note_others(archive: Archive, chosen: NDArray[np.int64], ingestion: Ingestion) -> None:
    used = set(chosen.tolist())
    for member, name in enumerate(archive.names):
        if member not in used:
            ingestion.problems.add(
                name, "not_a_text", "expected .txt files in class folders; found another file, or one outside"
            )


def _read_batches(
    archive: Archive, members: NDArray[np.int64], columns: Columns, ingestion: Ingestion
) -> Iterator[TextBatch]:
    for start in range(0, len(members), _BATCH):
        stop = min(start + _BATCH, len(members))
        texts = [_read(archive, int(member), ingestion) for member in members[start:stop]]
        keys, splits = columns.keys or (), columns.splits
        yield TextBatch(
            texts=texts,
            columns=Columns(
                given=columns.given[start:stop],
                keys=keys[start:stop],
                splits=None if splits is None else splits[start:stop],
            ),
        )


def _read(archive: Archive, member: int, ingestion: Ingestion) -> str | None:
    try:
        text, codec = decode_text(archive.read(member), encoding=ingestion.options.encoding)
    except (SampleError, TableError) as error:
        code = error.code if isinstance(error, SampleError) else "bad_text"
        ingestion.problems.add(archive.names[member], code, str(getattr(error, "detail", error)))
        return None
    if codec not in ("utf-8", "utf-8-sig"):
        ingestion.understood.note(
            "text_encoding", f"some texts are not UTF-8 and were read as {codec}", option="encoding"
        )
    return text
