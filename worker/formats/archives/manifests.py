"""Tables and list files in an archive that hold the labels of its pictures."""

from __future__ import annotations

import csv
import json
import re
import sys
from array import array
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.archives.member_names import OTHER_SUFFIXES, SPLITS, find_common_root, get_suffix
from worker.formats.shared.columns import (
    FILE_NAMES,
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    check_distinct,
    find_column,
    require_column,
)
from worker.formats.shared.compact_texts import Finder, Texts
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, SampleError, make_printable
from worker.formats.shared.sample import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion

_TABLE_NAMES = ("metadata.csv", "metadata.jsonl", "labels.csv", "labels.jsonl")
_LINES_TRIED = 100
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_TRUTH_WORDS = ("clean", "true", "truth")


@dataclass(frozen=True, kw_only=True)
class ListedPictures:
    """Members of an archive that are samples, in their order [N], with their columns."""

    format: str
    members: NDArray[np.int64]
    columns: Columns


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One line of a table or list: a picture and its label codes."""

    member: int
    key: str
    given: int
    true: int
    split: str | None


class _Index:
    """Members of an archive by name."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.root = find_common_root(archive.names)
        self._finder = Finder(archive.names)

    def find(self, path: str, folder: str) -> int | None:
        """Find the member that a table means: relative to the table's folder, the root or the top."""
        return self._finder.find(folder + path, self.root + path, path)

    def get_key(self, member: int) -> str:
        """Return the path of a member below the root."""
        return self.archive.names[member][len(self.root) :]


def find_manifests(names: Sequence[str]) -> list[int]:
    """Find the metadata tables: at the root, or one in each split folder."""
    tables = [member for member, name in enumerate(names) if name.lower().endswith(_TABLE_NAMES)]
    if not tables:
        return []
    root = find_common_root(names)
    return [member for member in tables if _is_manifest(names[member], root)]


def _is_manifest(name: str, root: str) -> bool:
    folder = _find_folder(name)
    at_root = folder in ("", root)
    in_split = folder.startswith(root) and folder[len(root) : -1].lower() in SPLITS
    return name[len(folder) :].lower() in _TABLE_NAMES and (at_root or in_split)


def read_manifests(archive: Archive, manifests: Sequence[int], ingestion: Ingestion) -> ListedPictures:
    """Read the samples of all tables, in the tables' order."""
    index = _Index(archive)
    rows = (row for table in manifests for row in _read_table(index, table, ingestion))
    return _collect_pictures("manifest", rows, archive, set(manifests), ingestion)


def _read_text(archive: Archive, member: int) -> str:
    """Return the text of a table or list; IngestError if it is unreadable."""
    name = make_printable(archive.names[member])
    try:
        return archive.read(member).decode("utf-8-sig")
    except (SampleError, UnicodeDecodeError) as error:
        found = error.detail if isinstance(error, SampleError) else error
        raise IngestError("bad_metadata", f"expected {name!r} to be text in UTF-8; found: {found}") from None


def _read_records(text: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV table or of JSON lines."""
    try:
        if name.lower().endswith(".csv"):
            reader = csv.DictReader(_split_lines(text), strict=True)
            check_distinct(reader.fieldnames or ())
            yield from reader
        else:
            yield from (_parse_json_object(line) for line in _split_lines(text) if line.strip())
    except (csv.Error, ValueError, RecursionError) as error:
        if isinstance(error, IngestError):
            raise
        raise IngestError(
            "bad_metadata", f"expected a table in {make_printable(name)!r}; found: {error}"
        ) from None


def _split_lines(text: str) -> Iterator[str]:
    """Yield the lines of a text with their line ends."""
    return (match.group() for match in _LINE.finditer(text))


def _parse_json_object(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError(f"a line that is not a JSON object: {line[:80]}")  # noqa: TRY004 - caught as a ValueError beside json's own
    return {
        key: item if item is None or type(item) in (str, int, float) else json.dumps(item)
        for key, item in value.items()
    }


def _read_table(index: _Index, manifest: int, ingestion: Ingestion) -> Iterator[_Row]:
    """Yield the rows of one table whose pictures exist; the others are logged."""
    name = index.archive.names[manifest]
    folder = _find_folder(name)
    folder_split = folder[len(index.root) : -1] or None
    columns: _TableColumns | None = None
    code = ingestion.vocabulary.get_code
    for record in _read_records(_read_text(index.archive, manifest), name):
        columns = columns or _TableColumns.find(list(record), ingestion)
        file_name = str(record.get(columns.file_name) or "").removeprefix("./")
        member = index.find(file_name, folder)
        if member is None or not file_name:
            ingestion.problems.add(
                file_name, "missing_file", "expected the listed picture in the archive; found no such file"
            )
            continue
        path = index.get_key(member)
        given = record.get(columns.label) if columns.label else _find_folder_label(path)
        split = record.get(columns.split) if columns.split else folder_split
        yield _Row(
            member=member,
            key=path if columns.key is None else str(record.get(columns.key)),
            given=code(given),
            true=code(record.get(columns.truth)) if columns.truth else MISSING,
            split=None if split is None else sys.intern(str(split)),
        )


def _find_folder_label(path: str) -> str | None:
    """Return the class folder of a picture, for a table without a label column."""
    folders = path.split("/")[:-1]
    return next((folder for folder in folders if folder.lower() not in SPLITS), None)


@dataclass(frozen=True, kw_only=True)
class _TableColumns:
    file_name: str
    label: str | None
    key: str | None
    truth: str | None
    split: str | None

    @classmethod
    def find(cls, names: list[str], ingestion: Ingestion) -> _TableColumns:
        options = ingestion.options
        file_name = require_column(names, None, FILE_NAMES, "file name")
        return cls(
            file_name=file_name,
            label=find_column(names, options.label_column, LABELS),
            key=find_column(names, options.key_column, KEYS),
            truth=find_column(names, options.truth_column, TRUTHS),
            split=find_column(names, options.split_column, SPLIT_NAMES),
        )


def find_lists(archive: Archive) -> list[int]:
    """Find the text members with lines "path label" for pictures of the archive."""
    texts = [member for member, name in enumerate(archive.names) if get_suffix(name) == "txt"]
    if not texts:
        return []
    index = _Index(archive)
    return [member for member in texts if _is_list(index, member)]


def _is_list(index: _Index, member: int) -> bool:
    try:
        text = _read_text(index.archive, member)
    except IngestError:
        return False
    lines = [line for line in islice(_split_lines(text[: 1 << 16]), _LINES_TRIED) if line.strip()]
    folder = _find_folder(index.archive.names[member])
    pictures = sum(index.find(path, folder) is not None for path, _ in map(_split_list_line, lines))
    return 2 * pictures > len(lines)


def _split_list_line(line: str) -> tuple[str, str | None]:
    """Return path and label of a line; the label is its last word."""
    path, _, label = line.strip().rpartition(" ") if "\t" not in line else line.strip().rpartition("\t")
    return (path.strip().removeprefix("./"), label) if path else (label, None)


def _find_folder(name: str) -> str:
    """Return the folder of a member with its trailing "/"; "" at the top."""
    return name[: len(name) - len(name.rpartition("/")[2])]


def read_lists(archive: Archive, lists: Sequence[int], ingestion: Ingestion) -> ListedPictures:
    """Read the samples of all list files.

    A list file with clean, true or truth in its name holds true labels; one with a split in its name gives
    the split.
    """
    index = _Index(archive)
    true = np.full(len(archive.names), MISSING, dtype=np.int32)
    for table in lists:
        if _is_truth_list(archive.names[table]):
            for member, label in _read_list_lines(index, table, ingestion):
                true[member] = ingestion.vocabulary.get_code(label)
    rows = _read_list_rows(index, lists, true, ingestion)
    return _collect_pictures("list_files", rows, archive, set(lists), ingestion)


def _is_truth_list(name: str) -> bool:
    return any(word in name.rpartition("/")[2].lower() for word in _TRUTH_WORDS)


def _read_list_lines(index: _Index, table: int, ingestion: Ingestion) -> Iterator[tuple[int, str | None]]:
    """Yield member and label of every line whose picture exists; the others are logged."""
    folder = _find_folder(index.archive.names[table])
    for line in _split_lines(_read_text(index.archive, table)):
        if not line.strip():
            continue
        path, label = _split_list_line(line)
        member = index.find(path, folder)
        if member is None:
            ingestion.problems.add(
                path, "missing_file", "expected the listed picture in the archive; found no such file"
            )
        else:
            yield member, label


def _read_list_rows(
    index: _Index, lists: Sequence[int], true: NDArray[np.int32], ingestion: Ingestion
) -> Iterator[_Row]:
    """Yield every picture with the label of the first line that names it."""
    names = index.archive.names
    seen = bytearray(len(names))
    for table in lists:
        name = names[table]
        if _is_truth_list(name):
            continue
        stem = name.rpartition("/")[2].lower().replace(".", "_")
        split = next((part for part in stem.split("_") if part in SPLITS), None)
        for member, label in _read_list_lines(index, table, ingestion):
            if not seen[member]:
                seen[member] = True
                yield _Row(
                    member=member,
                    key=index.get_key(member),
                    given=ingestion.vocabulary.get_code(label),
                    true=int(true[member]),
                    split=split,
                )


def _collect_pictures(
    format_name: str, rows: Iterator[_Row], archive: Archive, tables: set[int], ingestion: Ingestion
) -> ListedPictures:
    """Collect the columns of the rows; pictures with several rows or none are logged."""
    listed = bytearray(len(archive.names))
    members, given, true = array("q"), array("i"), array("i")
    keys = Texts()
    splits: list[str | None] = []
    for row in rows:
        if listed[row.member]:
            ingestion.problems.add(
                row.key, "listed_twice", "expected one row for each picture; found another (the first counts)"
            )
            continue
        listed[row.member] = True
        members.append(row.member)
        given.append(row.given)
        true.append(row.true)
        keys.append(row.key)
        splits.append(row.split)
    for member, name in enumerate(archive.names):
        if not listed[member] and member not in tables and get_suffix(name) not in OTHER_SUFFIXES:
            ingestion.problems.add(
                name, "not_listed", "expected a row for each picture; found none for this one"
            )
    true_codes = np.frombuffer(true, dtype=np.int32)
    return ListedPictures(
        format=format_name,
        members=np.frombuffer(members, dtype=np.int64),
        columns=Columns(
            given=np.frombuffer(given, dtype=np.int32),
            true=true_codes if bool((true_codes != MISSING).any()) else None,
            keys=keys,
            splits=splits if any(splits) else None,
        ),
    )
