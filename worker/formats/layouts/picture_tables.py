"""Which tables of an archive name its pictures, and what their columns mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.reading.column_names import COORDINATES, list_by_name, normalise_name
from models.reading.kept_columns import is_own_name
from models.reading.record_tables import TABLE_SUFFIXES, TextTable, parse_table
from models.reading.table_files import parse_delimiter
from models.reading.text_encodings import TableError
from worker.formats.archives.member_index import KIND_TEXTS, MemberIndex, find_folder
from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.archives.split_names import is_split_name
from worker.formats.layouts.file_columns import (
    ColumnMatch,
    choose_file_column,
    describe_missed,
    find_rival,
    list_repeating,
    match_columns,
    peek_values,
)
from worker.formats.layouts.folder_labels import FolderLabels
from worker.formats.shared.class_columns import list_present, suggest_classes
from worker.formats.shared.columns import (
    FILE_NAMES,
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    check_distinct,
    find_column,
    quote_names,
    require_column,
)
from worker.formats.shared.problems import IngestError, SampleError, make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion

TABLE_NAMES = ("metadata.csv", "metadata.jsonl", "labels.csv", "labels.jsonl")
NAMES_MISSED = "names_missed"
"""The code of the note on a table whose values look like pictures that are not there."""


@dataclass(frozen=True, kw_only=True)
class PictureTable:
    """A table that names pictures."""

    member: int
    name: str
    table: TextTable
    file_name: str
    label: str | None
    key: str | None
    truth: str | None
    split: str | None
    classes: tuple[str, ...] = ()
    """Columns of 0 and 1 that are a class each, in place of a label."""

    @property
    def has_labels(self) -> bool:
        """Return whether it has a column of labels, or one for each class."""
        return self.label is not None or bool(self.classes)

    @property
    def class_places(self) -> dict[str, int | str]:
        """Return the index of each column that is a class, or its key in JSON lines, by column."""
        is_json = self.table.style is None
        return {name: name if is_json else self.table.columns.index(name) for name in self.classes}

    @property
    def label_place(self) -> int | str | None:
        """Return the index of the label column, or its key in JSON lines."""
        if self.label is None or self.table.style is None:
            return self.label
        return self.table.columns.index(self.label)


def read_table_text(archive: Archive, member: int, ingestion: Ingestion) -> TextTable:
    """Return a table; IngestError if it is unreadable."""
    name = make_printable(archive.names[member])
    try:
        return parse_table(
            archive.read(member),
            name,
            encoding=ingestion.options.encoding,
            delimiter=parse_delimiter(ingestion.options.delimiter),
        )
    except (SampleError, TableError) as error:
        found = error.detail if isinstance(error, SampleError) else error
        raise IngestError(
            "bad_metadata", make_printable(f"expected {name!r} to be a table of text; {found}")
        ) from None


def find_manifests(index: MemberIndex, ingestion: Ingestion) -> list[PictureTable]:
    """Find the tables that name pictures: by their usual names, or because their values are pictures."""
    names = index.archive.names
    candidates = [member for member, name in enumerate(names) if name.lower().endswith(TABLE_SUFFIXES)]
    usual = [member for member in candidates if has_usual_name(names[member])]
    found = [table for member in usual if (table := _open_usual(index, member, ingestion)) is not None]
    found += [
        table
        for member in candidates
        if member not in usual and (table := _open_named_pictures(index, member, ingestion)) is not None
    ]
    return found


def has_usual_name(name: str) -> bool:
    """Return whether a table has a name that Hugging Face or this service gives to tables of labels."""
    return name.rsplit("/", 1)[-1].lower() in TABLE_NAMES


def _open_usual(index: MemberIndex, member: int, ingestion: Ingestion) -> PictureTable | None:
    """Open a table with a usual name; elsewhere than at the root or in a split it must name pictures."""
    folder = find_folder(index.archive.names[member])
    inside = folder[len(index.root) : -1]
    at_root = folder in ("", index.root)
    if not at_root and not (folder.startswith(index.root) and is_split_name(inside)):
        return _open_named_pictures(index, member, ingestion)
    table = read_table_text(index.archive, member, ingestion)
    matches = match_columns(index, index.archive.names[member], table, ingestion.options)
    has_names = any(each.is_found or each.is_usual for each in matches)
    if not has_names and FolderLabels(index, ingestion).count > 1:
        ingestion.understood.note(
            "table_ignored", f"{index.archive.names[member]!r} was not read: it names no pictures"
        )
        return None
    return _open_matched(index, member, table, matches, ingestion)


def _open_named_pictures(index: MemberIndex, member: int, ingestion: Ingestion) -> PictureTable | None:
    """Open a table if most of the values of one of its columns name pictures; None otherwise."""
    name = index.archive.names[member]
    try:
        table = read_table_text(index.archive, member, ingestion)
    except IngestError:
        return None
    matches = match_columns(index, name, table, ingestion.options)
    if not any(each.is_found for each in matches):
        if (missed := describe_missed(index, name, matches)) is not None:
            ingestion.understood.note(NAMES_MISSED, missed)
        return None
    if "submission" in name.lower():
        ingestion.understood.note(
            "table_ignored", f"{name!r} was not read: its name says that its labels are a submission"
        )
        return None
    return _open_matched(index, member, table, matches, ingestion)


def _open_matched(
    index: MemberIndex, member: int, table: TextTable, matches: Sequence[ColumnMatch], ingestion: Ingestion
) -> PictureTable | None:
    """Open a table whose columns are matched; beside class folders one that is unclear is left out."""
    name = index.archive.names[member]
    try:
        found = choose_file_column(matches)
        _check_header(index, name, table, found)
    except IngestError as error:
        if FolderLabels(index, ingestion).count < 2 or ingestion.options.format == "manifest":  # noqa: PLR2004 - two classes
            raise IngestError(error.code, f"{error.message} (in {make_printable(name)!r})") from None
        ingestion.understood.note(
            "table_ignored", f"{name!r} was not read, the folders gave the classes: {error.message}"
        )
        return None
    if found is not None:
        _note_file_column(name, found, matches, ingestion)
    return _choose_columns(index, member, table, None if found is None else found.name, ingestion)


def _check_header(index: MemberIndex, name: str, table: TextTable, found: ColumnMatch | None) -> None:
    """Refuse a table whose first row names a picture: as a header, its label would be lost."""
    if found is None or table.style is None or found.is_usual:
        return
    is_picture = get_suffix(found.name) in PICTURE_SUFFIXES or index.match(found.name, name) is not None
    if is_picture and not list_by_name(table.columns, LABELS):
        raise IngestError(
            "bad_header",
            f"expected a first row with the names of the columns; found {quote_names(table.columns)}, which "
            "names a picture (add a row above it, such as file_name,label)",
        )


def _note_file_column(
    name: str, found: ColumnMatch, matches: Sequence[ColumnMatch], ingestion: Ingestion
) -> None:
    """Say which column names the pictures and how, and which other could."""
    ingestion.understood.facts.setdefault(
        "pictures_from", f"column {found.name!r} of {name!r}, {KIND_TEXTS[found.kind]}"
    )
    if not found.is_usual:
        ingestion.understood.note(
            "file_column_guessed",
            f"the values of {found.name!r} in {name!r} name pictures, {KIND_TEXTS[found.kind]}",
        )
    if (rival := find_rival(found, matches)) is not None:
        ingestion.understood.note(
            "file_column_chosen",
            f"{found.name!r} and {rival.name!r} in {name!r} name different pictures: {found.name!r} was "
            f"taken; exclude_columns={found.name} takes {rival.name!r}",
            option="exclude_columns",
        )


def _choose_columns(
    index: MemberIndex, member: int, table: TextTable, found: str | None, ingestion: Ingestion
) -> PictureTable:
    options, names = ingestion.options, table.columns
    check_distinct(names)
    file_name = found or require_column(names, None, FILE_NAMES, "file name")
    others = [name for name in names if name != file_name and name not in options.exclude_columns]
    if options.class_columns:
        return _choose_classes(index, member, table, file_name, ingestion)
    label = find_column(others, options.label_column, _list_label_names(others))
    if label is None and options.label_column is None:
        label = _guess_label(others, table, FolderLabels(index, ingestion), ingestion)
    _note_labels(others, label, ingestion)
    if label is None:
        _note_unknown_label(index, member, table, others, ingestion)
    rest = [name for name in others if name != label]
    return PictureTable(
        member=member,
        name=index.archive.names[member],
        table=table,
        file_name=file_name,
        label=label,
        key=find_column(rest, options.key_column, KEYS),
        truth=find_column(rest, options.truth_column, TRUTHS),
        split=find_column(rest, options.split_column, SPLIT_NAMES),
    )


def _choose_classes(
    index: MemberIndex, member: int, table: TextTable, file_name: str, ingestion: Ingestion
) -> PictureTable:
    """Return a table whose labels are columns of 0 and 1; one that has none of these has no labels."""
    options = ingestion.options
    names = [name for name in table.columns if name not in (file_name, *options.exclude_columns)]
    has_any = bool(list_present(names, options.class_columns))
    classes = ingestion.classes.choose(names, options.class_columns) if has_any else []
    rest = [name for name in names if name not in classes]
    return PictureTable(
        member=member,
        name=index.archive.names[member],
        table=table,
        file_name=file_name,
        label=None,
        key=find_column(rest, options.key_column, KEYS),
        truth=None,
        split=find_column(rest, options.split_column, SPLIT_NAMES),
        classes=tuple(classes),
    )


def _list_label_names(names: Sequence[str]) -> Sequence[str]:
    """Return the usual names of labels; without `y` beside `x`."""
    has_axes = set(COORDINATES) <= {normalise_name(name) for name in names}
    return [name for name in LABELS if not (has_axes and name in COORDINATES)]


def _guess_label(
    others: Sequence[str], table: TextTable, folders: FolderLabels, ingestion: Ingestion
) -> str | None:
    """Return the only other column, if its values repeat and no folders give the classes."""
    rest = _list_unknown(others)
    if len(rest) != 1 or folders.count > 1 or not list_repeating(table, rest):
        return None
    ingestion.understood.note(
        "label_guessed",
        f"no column is named as a label; {rest[0]!r} was taken, the only one left",
        option="label_column",
    )
    return rest[0]


def _list_unknown(others: Sequence[str]) -> list[str]:
    """Return the columns whose names say nothing."""
    known = {name for usual in (KEYS, TRUTHS, SPLIT_NAMES) for name in list_by_name(others, usual)}
    return [name for name in others if name not in known]


def _note_unknown_label(
    index: MemberIndex, member: int, table: TextTable, others: Sequence[str], ingestion: Ingestion
) -> None:
    """Note that folders give the classes although a column of a table may be the label."""
    unknown = [name for name in _list_unknown(others) if not is_own_name(name)]
    likely = list_repeating(table, unknown)
    classes = suggest_classes(peek_values(table, unknown))
    if not likely or list_by_name(others, TRUTHS) or FolderLabels(index, ingestion).count < 2:  # noqa: PLR2004 - two classes
        return
    ingestion.understood.note(
        "label_column_unknown",
        f"the table {index.archive.names[member]!r} names these pictures, but no column is known as the "
        f"label: the folders gave the classes; if the label is in {likely[0]!r}, upload with "
        f"label_column={likely[0]}{classes}",
        option="class_columns" if classes else "label_column",
    )


def _note_labels(others: Sequence[str], label: str | None, ingestion: Ingestion) -> None:
    usual = list_by_name(others, _list_label_names(others))
    if label is not None and len(usual) > 1 and ingestion.options.label_column is None:
        ingestion.understood.note(
            "label_chosen",
            f"several columns have names of labels ({quote_names(usual)}): {label!r} was taken",
            option="label_column",
        )
