"""The samples of tables in an archive that name its pictures."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from models.reading.text_encodings import TableError
from worker.formats.archives.member_index import MemberIndex, find_folder
from worker.formats.archives.split_names import find_split, is_split_name
from worker.formats.layouts.file_columns import peek_values
from worker.formats.layouts.folder_labels import FolderLabels, describe_level
from worker.formats.layouts.json_labels import read_json_label
from worker.formats.layouts.label_sources import compare_with_folders, list_labels
from worker.formats.layouts.listed_pictures import (
    ListedPictures,
    ListedRow,
    collect_pictures,
    describe_table,
)
from worker.formats.layouts.picture_tables import PictureTable, has_usual_name
from worker.formats.shared.class_columns import suggest_classes
from worker.formats.shared.columns import LABELS, quote_names
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.own_rows import list_own
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from worker.formats.shared.sample import Ingestion

_SHOWN = 3


def read_manifests(
    index: MemberIndex, tables: Sequence[PictureTable], ingestion: Ingestion, *, original: bool
) -> ListedPictures:
    """Read the samples of all tables, in the tables' order."""
    folders = FolderLabels(index, ingestion)
    first = tables[0]
    _require_labels(tables, folders, ingestion)
    ingestion.vocabulary.is_literal = not any(table.has_labels for table in tables)
    if not all(table.has_labels for table in tables):
        folders.note_level()
    ingestion.understood.facts["columns"] = {
        "picture": first.file_name,
        **{name: getattr(first, name) for name in ("label", "truth", "key", "split")},
    }
    ingestion.understood.facts["tables"] = [table.name for table in tables]
    ingestion.understood.facts["encoding"] = first.table.named_encoding
    if first.label is not None:
        ingestion.layout["label_column"] = first.label
    _choose_own(tables, ingestion)
    described: list[dict[str, Any]] = []
    ingestion.layout["tables"] = described
    label_from = _describe_labels(tables, folders)
    ingestion.understood.facts["label_from"] = label_from
    if all(table.label is not None for table in tables):
        labels = chain.from_iterable(list_labels(index, table, ingestion) for table in tables)
        compare_with_folders(labels, folders, label_from, ingestion)
    reading = _Reading(index=index, folders=folders, ingestion=ingestion)
    rows = _read_all(reading, tables, described, original=original)
    members = [table.member for table in tables]
    return collect_pictures(
        "manifest", rows, index.archive, members, ingestion, has_folders=folders.count > 1
    )


def _require_labels(tables: Sequence[PictureTable], folders: FolderLabels, ingestion: Ingestion) -> None:
    """Refuse tables without labels where no folders give them, and tables with columns of other classes."""
    first, chosen = tables[0], ingestion.options.class_columns
    found = f"found {quote_names(first.table.columns)}"
    name = make_printable(first.name)
    if chosen and not any(table.classes for table in tables):
        raise IngestError(
            "missing_column", f"expected the columns {quote_names(chosen)} in {name!r}; {found}"
        )
    other = next((table for table in tables if set(table.classes) != set(first.classes)), first)
    if other is not first:
        raise IngestError(
            "bad_class_column",
            f"expected the same columns of classes in all tables; found {quote_names(first.classes)} in"
            f" {name!r} and {quote_names(other.classes)} in {make_printable(other.name)!r}",
        )
    if not any(table.has_labels for table in tables) and folders.count < 2:  # noqa: PLR2004 - two classes
        raise IngestError(
            "missing_column",
            f"expected a column for the label in {name!r}, named one of {', '.join(LABELS)}, or class"
            f" folders; {found} (name it in label_column)"
            + suggest_classes(peek_values(first.table, first.table.columns)),
        )


def _choose_own(tables: Sequence[PictureTable], ingestion: Ingestion) -> None:
    """Keep the columns of all tables that are for nothing else."""
    for table in tables:
        used = {table.file_name, table.label, table.truth, table.key, table.split, *table.classes}
        rest = [name for name in table.table.columns if name not in used]
        ingestion.own.choose(list_own(rest), ingestion.understood)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What the reading of every record needs."""

    index: MemberIndex
    folders: FolderLabels
    ingestion: Ingestion


def _read_all(
    reading: _Reading, tables: Sequence[PictureTable], described: list[dict[str, Any]], *, original: bool
) -> Iterator[ListedRow]:
    start = 0
    for table in tables:
        if table.table.style is not None:
            reading.ingestion.understood.note_all("table_style", table.table.style.notes)
        count = yield from _read_records(reading, table, start)
        described.append(
            describe_table(
                reading.index.archive, table.member, original=original, start=start, count=count,
                encoding=table.table.encoding, label=table.label_place,
                **({"classes": table.class_places} if table.classes else {}),
            )
        )  # fmt: skip
        start += count


def _read_records(reading: _Reading, table: PictureTable, start: int) -> Generator[ListedRow, None, int]:
    """Yield the rows of a table and return its number of records."""
    count = 0
    try:
        for record in table.table.read():
            count = record.number + 1
            if record.cells is not None:
                reading.ingestion.own.put(start + record.number, record.cells)
                row = _read_record(reading, table, record.cells, start + record.number)
                if row is not None:
                    yield row
            elif not record.is_comment:
                detail = f"expected {len(table.table.columns)} cells; found more"
                reading.ingestion.problems.add(f"{table.name}: {record.number}", "bad_row", detail)
    except TableError as error:
        raise IngestError("bad_metadata", make_printable(f"{error} (in {table.name!r})")) from None
    return count


def _describe_labels(tables: Sequence[PictureTable], folders: FolderLabels) -> str:
    """Return what gives the labels: a column of each table, or the folders."""
    columns = [f"the column {table.label!r} of {table.name!r}" for table in tables if table.label is not None]
    level = 0 if folders.level is None else folders.level.level
    columns += [f"columns of {table.name!r}, one for each class" for table in tables if table.classes]
    return " and ".join(columns[:_SHOWN]) or describe_level(level, folders.index.root)


def _read_record(
    reading: _Reading, table: PictureTable, cells: dict[str, Any], number: int
) -> ListedRow | None:
    """Return a record as a row; None if its picture does not exist, which is logged."""
    index, folders, ingestion = reading.index, reading.folders, reading.ingestion
    file_name = str(cells.get(table.file_name) or "")
    member = index.find(file_name, table.name, ingestion)
    if member is None:
        ingestion.problems.add(file_name, "missing_file", index.describe_missing(file_name))
        return None
    path = index.get_key(member)
    code = ingestion.vocabulary.get_code

    def read(cell: object) -> object:
        return read_json_label(cell, ingestion) if table.table.style is None else cell

    key = None if table.key is None else cells.get(table.key)
    split = cells.get(table.split) if table.split else _find_table_split(index, table, path, folders)
    if table.classes:
        given = ingestion.classes.encode_record(cells, table.classes, ingestion.vocabulary)
    else:
        given = code(read(cells.get(table.label)) if table.label else folders.find(path))
    return ListedRow(
        member=member,
        key=path if key in (None, "") else str(key),
        given=given,
        true=code(read(cells.get(table.truth)), is_truth=True) if table.truth else MISSING,
        split=None if split in (None, "") else sys.intern(str(split)),
        record=number,
    )


def _find_table_split(
    index: MemberIndex, table: PictureTable, path: str, folders: FolderLabels
) -> str | None:
    """Return the split of a table's folder or name, or of the picture's folder."""
    inside = find_folder(table.name)[len(index.root) : -1]
    if inside and is_split_name(inside):
        return inside
    by_name = None if has_usual_name(table.name) else find_split(table.name)
    return by_name or (None if table.has_labels else folders.find_split(path))
