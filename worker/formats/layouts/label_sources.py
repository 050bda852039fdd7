"""What labels the pictures where a table or list and class folders both could, and what is said of it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from models.reading.label_texts import format_label
from models.reading.text_encodings import TableError
from worker.formats.layouts.file_columns import peek_values
from worker.formats.layouts.folder_labels import FolderLabels, match_folders
from worker.formats.layouts.json_labels import read_json_label
from worker.formats.shared.class_columns import suggest_classes
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.layouts.picture_tables import PictureTable
    from worker.formats.shared.sample import Ingestion

_PREDICTED_WORDS = frozenset(
    (
        *("confidence", "confidences", "score", "scores", "pred", "preds", "predicted", "prediction"),
        *("predictions", "prob", "probs", "proba", "probability", "probabilities", "logit", "logits"),
    )
)
"""Words in the name of a table or of its columns that say that a model gave its labels."""
_CLASSES_LEAST = 2


def choose_tables(
    index: MemberIndex, tables: Sequence[PictureTable], ingestion: Ingestion
) -> list[PictureTable]:
    """Return the tables that are read: predictions do not override folders, and labels come with all."""
    return _leave_out_unlabelled(_prefer_folders(index, tables, ingestion), ingestion)


def _prefer_folders(
    index: MemberIndex, tables: Sequence[PictureTable], ingestion: Ingestion
) -> list[PictureTable]:
    """Leave out tables of predictions beside class folders of the same classes; elsewhere they come last.

    A table that is asked for, by `format` or `label_column`, stays.
    """
    options = ingestion.options
    words = {table.name: _find_predicted_word(table) for table in tables if table.label is not None}
    predicted = [table for table in tables if words.get(table.name)]
    if not predicted or options.format is not None or options.label_column is not None:
        return list(tables)
    folders = FolderLabels(index, ingestion)
    kept = [table for table in tables if table not in predicted]
    for table in predicted:
        word, column = words[table.name], table.label
        if _has_classes_of_folders(index, table, folders, ingestion):
            ingestion.understood.note(
                "table_ignored",
                f"{table.name!r} was not read, the folders gave the classes: {word!r} says that its labels "
                "are predictions; format=manifest takes the table",
                option="format",
            )
        else:
            ingestion.understood.note(
                "labels_look_predicted",
                f"{word!r} in {table.name!r} says that {column!r} may be predictions: it was taken as the "
                "given label",
                option="label_column",
            )
            kept.append(table)
    return kept


def _leave_out_unlabelled(found: list[PictureTable], ingestion: Ingestion) -> list[PictureTable]:
    """Leave out tables without labels beside tables with labels."""
    if not any(table.has_labels for table in found):
        return found
    for table in found:
        if not table.has_labels:
            chosen = ingestion.options.class_columns
            classes = "" if chosen else suggest_classes(peek_values(table.table, table.table.columns))
            ingestion.understood.note(
                "table_ignored",
                f"{table.name!r} was not read: another table has labels, this one has none{classes}",
                option="class_columns" if classes else None,
            )
    return [table for table in found if table.has_labels]


def _find_predicted_word(table: PictureTable) -> str | None:
    """Return the column, or the table, whose name says that a model gave the labels; None if none does."""
    columns = [name for name in table.table.columns if name != table.file_name]
    for name in (*columns, table.name.rsplit("/", 1)[-1]):
        if _PREDICTED_WORDS.intersection(re.findall(r"[a-z]+", name.lower())):
            return name
    return None


def _has_classes_of_folders(
    index: MemberIndex, table: PictureTable, folders: FolderLabels, ingestion: Ingestion
) -> bool:
    """Return whether a table has labels named as class folders, or as many numbers as there are folders."""
    if folders.count < _CLASSES_LEAST:
        return False
    pairs = [
        (label, folders.find(index.get_key(member))) for member, label in list_labels(index, table, ingestion)
    ]
    labels = {label.casefold() for label, _ in pairs}
    are_numbers = all(label.lstrip("+-").isdecimal() for label in labels)
    named = {folder.casefold() for _, folder in pairs if folder is not None}
    return bool(labels & named) or (are_numbers and len(labels) == len(named))


def list_labels(index: MemberIndex, table: PictureTable, ingestion: Ingestion) -> Iterator[tuple[int, str]]:
    """Yield picture and label of every record that has both."""
    try:
        for record in table.table.read():
            cells = record.cells or {}
            member = index.find(str(cells.get(table.file_name) or ""), table.name)
            cell = cells.get(table.label or "")
            label = format_label(read_json_label(cell, ingestion) if table.table.style is None else cell)
            if member is not None and label is not None:
                yield member, label
    except TableError as error:
        raise IngestError("bad_metadata", make_printable(f"{error} (in {table.name!r})")) from None


def compare_with_folders(
    labels: Iterable[tuple[int, str]], folders: FolderLabels, source: str, ingestion: Ingestion
) -> None:
    """Name numbered classes after folders, if each has its own; else say where folders say otherwise.

    Args:
        labels: picture and label of each row.
        folders: they must have two classes; with fewer, nothing is done.
        source: what gives the labels, for people.
        ingestion: its vocabulary gets the names, its understanding the notes.

    """
    if folders.count < _CLASSES_LEAST:
        return
    pairs: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for member, label in labels:
        path = folders.index.get_key(member)
        pair = (label, folders.find(path) or "")
        pairs[pair] += 1
        examples.setdefault(pair, path)
    folder_of = match_folders(pairs)
    is_named = folder_of is not None and "" not in folder_of.values()
    if folder_of is not None and is_named:
        _name_numbers(folder_of, ingestion)
    else:
        _note_differences(pairs, examples, source, ingestion)
    if is_named or any(_is_alike(pair) for pair in pairs):
        ingestion.understood.note(
            "pictures_stay_in_folders",
            f"pictures lie in class folders, but the labels are those of {source}: a cleaned dataset has the "
            "corrected labels there, and the pictures stay in their old folders",
        )


def _is_alike(pair: tuple[str, str]) -> bool:
    label, folder = pair
    return label.casefold() == (format_label(folder) or "").casefold()


def _note_differences(
    pairs: Mapping[tuple[str, str], int],
    examples: Mapping[tuple[str, str], str],
    source: str,
    ingestion: Ingestion,
) -> None:
    different = [pair for pair in pairs if pair[1] and not _is_alike(pair)]
    if not different:
        return
    count, total = sum(pairs[pair] for pair in different), sum(pairs.values())
    shown = different[0]
    ingestion.understood.note(
        "folders_differ",
        f"the labels are those of {source}, not the folders: they differ for {count} of {total} pictures, "
        f"such as {examples[shown]!r} with the label {shown[0]!r}; format=class_folders takes the folders",
        option="format",
    )


def _name_numbers(folder_of: Mapping[str, str], ingestion: Ingestion) -> None:
    """Let numbered labels have the names of folders."""
    for label, folder in folder_of.items():
        ingestion.vocabulary.add_alias(label, folder)
    shown = ", ".join(f"{label} = {folder}" for label, folder in list(folder_of.items())[:5])
    ingestion.understood.note(
        "named_by_folder",
        f"labels are numbers and pictures lie in class folders: {shown}; the folders name them",
    )
