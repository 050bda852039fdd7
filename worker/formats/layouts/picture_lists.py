"""Lists in an archive: text files with a path, and mostly a label, in each line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from models.reading.label_texts import format_label
from models.reading.text_encodings import TableError, decode_text, split_lines
from models.reading.text_lists import parse_line
from worker.formats.archives.member_index import MemberIndex
from worker.formats.archives.member_names import get_suffix
from worker.formats.archives.split_names import find_split
from worker.formats.layouts.folder_labels import FolderLabels
from worker.formats.layouts.label_sources import compare_with_folders
from worker.formats.layouts.listed_pictures import (
    ListedPictures,
    ListedRow,
    collect_pictures,
    describe_table,
)
from worker.formats.shared.columns import quote_names
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, SampleError, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

_LINES_TRIED = 100
_SHOWN = 3
_TRUTH_WORDS = ("clean", "true", "truth")


@dataclass(frozen=True, kw_only=True)
class PictureList:
    """A list file."""

    member: int
    name: str
    text: str
    encoding: str
    has_labels: bool

    @property
    def is_truth(self) -> bool:
        """Return whether the list holds correct labels."""
        return any(word in self.name.rpartition("/")[2].lower() for word in _TRUTH_WORDS)

    def read(self) -> Iterator[tuple[int, str, str, str | None]]:
        """Yield number, line, path and label of every line that is not blank."""
        lines = (line for line in split_lines(self.text) if line.strip())
        for number, line in enumerate(lines):
            yield number, line, *(parse_line(line) if self.has_labels else (line.strip(), None))


def find_lists(index: MemberIndex, ingestion: Ingestion) -> list[PictureList]:
    """Find the text members whose lines name pictures of the archive."""
    names = index.archive.names
    texts = [member for member, name in enumerate(names) if get_suffix(name) in ("txt", "lst", "list")]
    return [found for member in texts if (found := _open_list(index, member, ingestion)) is not None]


def _open_list(index: MemberIndex, member: int, ingestion: Ingestion) -> PictureList | None:
    """Open a list if most of its first lines name pictures, with or without labels; None otherwise."""
    name = index.archive.names[member]
    try:
        text, encoding = decode_text(index.archive.read(member), encoding=ingestion.options.encoding)
    except (SampleError, TableError):
        return None
    lines = [line for line in islice(split_lines(text[: 1 << 16]), _LINES_TRIED) if line.strip()]
    with_label = sum(index.find(parse_line(line)[0], name) is not None for line in lines)
    bare = sum(index.find(line.strip(), name) is not None for line in lines)
    if 2 * max(with_label, bare) <= len(lines):
        return None
    return PictureList(member=member, name=name, text=text, encoding=encoding, has_labels=with_label > bare)


def read_lists(
    index: MemberIndex, lists: Sequence[PictureList], ingestion: Ingestion, *, original: bool
) -> ListedPictures:
    """Read the samples of all lists.

    A list with clean, true or truth in its name holds true labels; one with a split in its name gives the
    split. The folders give the labels where a list has none.

    Raises:
        IngestError: neither a list nor a folder gives labels.

    """
    folders = FolderLabels(index, ingestion)
    given = [each for each in lists if not each.is_truth]
    if not any(each.has_labels for each in given) and folders.count < 2:  # noqa: PLR2004 - two classes
        raise IngestError(
            "list_without_labels",
            f"expected lines 'path label' in {make_printable((given or lists)[0].name)!r}; found "
            "paths alone, and no class folders (add a label to each line, separated by a tab)",
        )
    if any(not each.has_labels for each in given):
        ingestion.vocabulary.is_literal = True
        folders.note_level()
        ingestion.understood.note(
            "list_of_paths", "lists have paths alone: they give the splits, the folders give the classes"
        )
    ingestion.understood.facts["tables"] = [each.name for each in lists]
    if all(each.has_labels for each in given):
        source = quote_names([each.name for each in given[:_SHOWN]])
        compare_with_folders(_list_labels(index, given), folders, source, ingestion)
    true = np.full(len(index.archive.names), MISSING, dtype=np.int32)
    for each in lists:
        if each.is_truth:
            for _, member, label in _find_pictures(index, each, ingestion):
                true[member] = ingestion.vocabulary.get_code(label, is_truth=True)
    described: list[dict[str, Any]] = []
    ingestion.layout["tables"] = described
    for each in lists:
        described.append(
            describe_table(
                index.archive,
                each.member,
                original=original,
                start=sum(table["count"] for table in described),
                count=sum(1 for _ in each.read()),
                encoding=each.encoding,
                is_truth=each.is_truth,
                has_labels=each.has_labels,
            )
        )
    starts = [table["start"] for table in described]
    rows = _read_rows(folders, list(zip(lists, starts, strict=True)), true, ingestion)
    members = [each.member for each in lists]
    return collect_pictures(
        "list_files", rows, index.archive, members, ingestion, has_folders=folders.count > 1
    )


def _list_labels(index: MemberIndex, lists: Sequence[PictureList]) -> Iterator[tuple[int, str]]:
    """Yield picture and label of every line that has both."""
    for each in lists:
        for _, _, path, text in each.read():
            member, label = index.find(path, each.name), format_label(text)
            if member is not None and label is not None:
                yield member, label


def _find_pictures(
    index: MemberIndex, each: PictureList, ingestion: Ingestion
) -> Iterator[tuple[int, int, str | None]]:
    """Yield number, member and label of every line whose picture exists; the others are logged."""
    for number, _, path, label in each.read():
        member = index.find(path, each.name, ingestion)
        if member is None:
            ingestion.problems.add(path, "missing_file", index.describe_missing(path))
        else:
            yield number, member, label


def _read_rows(
    folders: FolderLabels,
    lists: Sequence[tuple[PictureList, int]],
    true: NDArray[np.int32],
    ingestion: Ingestion,
) -> Iterator[ListedRow]:
    """Yield every picture with the label of the first line that names it."""
    index = folders.index
    seen = bytearray(len(index.archive.names))
    for each, start in lists:
        if each.is_truth:
            continue
        split = find_split(each.name)
        for number, member, label in _find_pictures(index, each, ingestion):
            if not seen[member]:
                seen[member] = True
                key = index.get_key(member)
                given = label if each.has_labels else folders.find(key)
                yield ListedRow(
                    member=member,
                    key=key,
                    given=ingestion.vocabulary.get_code(given),
                    true=int(true[member]),
                    split=split,
                    record=start + number,
                )
