"""Tables and lists inside an archive that say which picture has which label."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.columns import (
    FILE_NAMES,
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    check_distinct,
    find_column,
    require_column,
)
from worker.formats.labels import MISSING
from worker.formats.names import OTHER_SUFFIXES, SPLITS, common_root, suffix
from worker.formats.problems import IngestError, SampleError, printable
from worker.formats.sample import Columns

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archive import Archive
    from worker.formats.sample import Ingestion

_TABLE_NAMES = ("metadata.csv", "metadata.jsonl", "labels.csv", "labels.jsonl")
_LINES_TRIED = 100
_TRUTH_WORDS = ("clean", "true", "truth")


@dataclass(frozen=True, kw_only=True)
class ListedPictures:
    """Members of an archive that are samples, in their order [N], with what is known of them."""

    format: str
    members: NDArray[np.int64]
    columns: Columns


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of a table or list: the picture it names and what it says of it."""

    member: int
    key: str
    given: Any
    true: Any
    split: str | None


def find_manifests(names: Sequence[str]) -> list[int]:
    """Members that are metadata tables at the root, or one in each split folder."""
    root = common_root(names)
    return [member for member, name in enumerate(names) if _is_manifest(name, root)]


def _is_manifest(name: str, root: str) -> bool:
    folder, _, base = name.rpartition("/")
    inner = folder + "/" if folder else ""
    at_root = inner in ("", root)
    in_split = inner.startswith(root) and inner[len(root) : -1].lower() in SPLITS
    return base.lower() in _TABLE_NAMES and (at_root or in_split)


def read_manifests(archive: Archive, manifests: Sequence[int], ingestion: Ingestion) -> ListedPictures:
    """List the samples of all tables, in the tables' order."""
    names = archive.names
    member_of = {name: member for member, name in enumerate(names)}
    root = common_root(names)
    rows: list[_Row] = []
    for manifest in manifests:
        rows.extend(_table_rows(archive, manifest, member_of, root, ingestion))
    return _listed("manifest", rows, archive, set(manifests), ingestion)


def _text_of(archive: Archive, member: int) -> str:
    """Text of a table or list; IngestError where it is unreadable."""
    name = printable(archive.names[member])
    try:
        return archive.read(member).decode("utf-8-sig")
    except (SampleError, UnicodeDecodeError) as error:
        found = error.detail if isinstance(error, SampleError) else error
        raise IngestError("bad_metadata", f"expected {name!r} as UTF-8 text; found: {found}") from None


def _records(text: str, name: str) -> Iterator[dict[str, Any]]:
    """Rows of a CSV table or of JSON lines."""
    try:
        if name.lower().endswith(".csv"):
            reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            check_distinct(reader.fieldnames or ())
            yield from reader
        else:
            yield from (_json_object(line) for line in text.splitlines() if line.strip())
    except (csv.Error, ValueError, RecursionError) as error:
        if isinstance(error, IngestError):
            raise
        raise IngestError("bad_metadata", f"expected rows in {printable(name)!r}; found: {error}") from None


def _json_object(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError(f"not an object: {line[:80]}")  # noqa: TRY004 - caught as a ValueError beside json's own
    return {
        key: item if item is None or type(item) in (str, int, float) else json.dumps(item)
        for key, item in value.items()
    }


def _table_rows(
    archive: Archive, manifest: int, member_of: dict[str, int], root: str, ingestion: Ingestion
) -> Iterator[_Row]:
    """Rows of one table whose pictures exist; the others are logged."""
    name = archive.names[manifest]
    folder = name[: len(name) - len(name.rpartition("/")[2])]
    folder_split = folder[len(root) : -1] or None
    columns: _TableColumns | None = None
    for record in _records(_text_of(archive, manifest), name):
        columns = columns or _TableColumns.of(list(record), ingestion)
        file_name = str(record.get(columns.file_name) or "").removeprefix("./")
        member = member_of.get(folder + file_name, member_of.get(root + file_name))
        if member is None or not file_name:
            ingestion.problems.add(
                file_name, "missing_file", "expected the listed picture; found no such member"
            )
            continue
        path = archive.names[member][len(root) :]
        given = record.get(columns.label) if columns.label else _folder_label(path)
        split = record.get(columns.split) if columns.split else folder_split
        yield _Row(
            member=member,
            key=path if columns.key is None else str(record.get(columns.key)),
            given=given,
            true=record.get(columns.truth) if columns.truth else None,
            split=None if split is None else str(split),
        )


def _folder_label(path: str) -> str | None:
    """Class folder of a picture whose table has no label column."""
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
    def of(cls, found: list[str], ingestion: Ingestion) -> _TableColumns:
        options = ingestion.options
        file_name = require_column(found, None, FILE_NAMES, "file name")
        return cls(
            file_name=file_name,
            label=find_column(found, options.label_column, LABELS),
            key=find_column(found, options.key_column, KEYS),
            truth=find_column(found, options.truth_column, TRUTHS),
            split=find_column(found, options.split_column, SPLIT_NAMES),
        )


def find_lists(archive: Archive) -> list[int]:
    """Text members whose lines are "path label" for pictures of the archive."""
    texts = [member for member, name in enumerate(archive.names) if suffix(name) == "txt"]
    if not texts:
        return []
    known = set(archive.names)
    return [member for member in texts if _is_list(archive, member, known)]


def _is_list(archive: Archive, member: int, known: set[str]) -> bool:
    try:
        text = _text_of(archive, member)
    except IngestError:
        return False
    lines = [line for line in text[: 1 << 16].splitlines()[:_LINES_TRIED] if line.strip()]
    root = common_root(archive.names)
    found = sum(
        _resolved(path, archive.names[member], root, known) is not None for path, _ in map(_path_label, lines)
    )
    return 2 * found > len(lines)


def _path_label(line: str) -> tuple[str, str | None]:
    """Path and label of a line; the label is its last word."""
    path, _, label = line.strip().rpartition(" ") if "\t" not in line else line.strip().rpartition("\t")
    return (path.strip().removeprefix("./"), label) if path else (label, None)


def _resolved(path: str, list_name: str, root: str, known: Container[str]) -> str | None:
    """Member that a list means: relative to the list's folder or to the root."""
    folder = list_name[: len(list_name) - len(list_name.rpartition("/")[2])]
    return next((name for name in (folder + path, root + path, path) if name in known), None)


def read_lists(archive: Archive, lists: Sequence[int], ingestion: Ingestion) -> ListedPictures:
    """List the samples of all lists.

    A list named clean, true or truth holds true labels; one named as a split says the split.
    """
    root = common_root(archive.names)
    member_of = {name: member for member, name in enumerate(archive.names)}
    given: dict[int, _Row] = {}
    true: dict[int, str | None] = {}
    for list_member in lists:
        name = archive.names[list_member]
        stem = name.rpartition("/")[2].lower()
        holds_truth = any(word in stem for word in _TRUTH_WORDS)
        split = next((part for part in stem.replace(".", "_").split("_") if part in SPLITS), None)
        for line in _text_of(archive, list_member).splitlines():
            if not line.strip():
                continue
            path, label = _path_label(line)
            resolved = _resolved(path, name, root, member_of)
            if resolved is None:
                ingestion.problems.add(
                    path, "missing_file", "expected the listed picture; found no such member"
                )
                continue
            member = member_of[resolved]
            if holds_truth:
                true[member] = label
            else:
                row = _Row(member=member, key=resolved[len(root) :], given=label, true=None, split=split)
                given.setdefault(member, row)
    rows = [
        _Row(member=row.member, key=row.key, given=row.given, true=true.get(member), split=row.split)
        for member, row in given.items()
    ]
    return _listed("list_files", rows, archive, set(lists), ingestion)


def _listed(
    format_name: str, rows: list[_Row], archive: Archive, tables: set[int], ingestion: Ingestion
) -> ListedPictures:
    """Columns of the rows; pictures named twice or not at all are logged."""
    by_member: dict[int, _Row] = {}
    for row in rows:
        if by_member.setdefault(row.member, row) is not row:
            ingestion.problems.add(
                row.key, "listed_twice", "expected every picture in one row; the first row is used"
            )
    for member, name in enumerate(archive.names):
        if member not in by_member and member not in tables and suffix(name) not in OTHER_SUFFIXES:
            ingestion.problems.add(
                name, "not_listed", "expected every picture in the metadata; found none for it"
            )
    kept = list(by_member.values())
    true = ingestion.vocabulary.encode(row.true for row in kept)
    splits = [row.split for row in kept]
    return ListedPictures(
        format=format_name,
        members=np.array([row.member for row in kept], dtype=np.int64),
        columns=Columns(
            given=ingestion.vocabulary.encode(row.given for row in kept),
            true=true if bool((true != MISSING).any()) else None,
            keys=[row.key for row in kept],
            splits=splits if any(splits) else None,
        ),
    )
