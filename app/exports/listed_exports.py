"""Corrected archives whose labels stand in files of their own, which are written again as they came."""

import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.exports.archives.kept_names import KeptNames
from app.exports.archives.text_blocks import encode_blocks
from app.exports.files.annotation_files import Uploaded, check_changes, list_uploaded_boxes, write_zip
from app.exports.files.final_rows import DROPPED, UNCHANGED, FinalRows
from app.exports.files.flipped_cells import Flips, flip_in_json, flip_in_text
from app.exports.files.zip_writer import STORED
from app.exports.final_labels import Decisions
from app.exports.registry import ZIP, ExportFile
from app.infra.errors import Invalid
from models.catalogue.upload_formats import BOX_FORMATS
from models.reading.archive_names import decode_name, tidy_name
from models.reading.json_records import replace_value
from models.reading.record_cells import append_cell, replace_cell
from models.reading.record_tables import NamedRecord, TextTable, parse_table
from models.reading.text_encodings import decode_text, find_mark, split_lines
from models.reading.text_lists import format_line, parse_line

Place = dict[str, Any]
"""Where a table or list stands in the upload, as ingestion stored it."""
File = tuple[str, Iterator[bytes]]
"""The name of a file and its content in blocks."""


@dataclass(frozen=True, kw_only=True)
class _Finals:
    """What becomes of the rows of all tables or lists."""

    changes: FinalRows
    labels: FinalRows
    """The same, with the final label also where it is the uploaded one."""

    def has_changes(self, place: Place) -> bool:
        """Return whether a kept sample of a table gets another label."""
        return bool((self.changes.list_range(place["start"], place["count"]) >= 0).any())


def rewrite_tables(decisions: Decisions) -> Iterator[File]:
    """Yield the uploaded tables with final labels and without dropped samples."""
    finals = _map_finals(decisions)
    for place in decisions.layout["tables"]:
        raw = _read_member(decisions, place)
        delimiter = decisions.chosen_delimiter
        table = parse_table(raw, place["name"], encoding=place["encoding"], delimiter=delimiter)
        texts = _rewrite_table(decisions, place, table, finals)
        yield place["name"], _encode_like(texts, raw, table.encoding)


def rewrite_lists(decisions: Decisions) -> Iterator[File]:
    """Yield the uploaded lists with final labels and without dropped samples."""
    finals, places = _map_finals(decisions), decisions.layout["tables"]
    read = {place["name"]: _read_member(decisions, place) for place in places}
    gone = {
        path
        for place in places
        if not place["is_truth"]
        for number, _, path in _read_list(read[place["name"]], place)
        if finals.changes.find(place["start"] + number) == DROPPED
    }
    for place in places:
        raw = read.pop(place["name"])
        lines = _read_list(raw, place)
        texts: Iterator[str]
        if place["is_truth"]:
            texts = (line for _, line, path in lines if path not in gone)
        else:
            texts = _rewrite_list(decisions, place, lines, finals)
        yield place["name"], _encode_like(texts, raw, place["encoding"])


def _map_finals(decisions: Decisions) -> _Finals:
    return _Finals(changes=decisions.map_rows(), labels=decisions.map_rows(marks_unchanged=False))


def _encode_like(texts: Iterator[str], raw: bytes, codec: str) -> Iterator[bytes]:
    """Yield texts in the encoding of other bytes, with their byte order mark."""
    mark, plain = find_mark(raw, codec)
    yield mark
    yield from encode_blocks(texts, plain)


def _read_member(decisions: Decisions, place: Place) -> bytes:
    """Return a table's bytes: by offset, or from a compressed tar."""
    upload = decisions.files[0]
    if "offset" in place:
        with decisions.open(upload) as file:
            file.seek(place["offset"])
            stored = file.read(place["length"])
        return stored if place["method"] == STORED else zlib.decompress(stored, -zlib.MAX_WBITS)
    with (
        decisions.open(upload) as file,
        tarfile.open(fileobj=file, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive,
    ):
        for member in archive:
            name = tidy_name(decode_name(member.name.encode("utf-8", "surrogateescape")))
            content = archive.extractfile(member) if member.isfile() and name == place["name"] else None
            if content is not None:
                return content.read()
    raise Invalid(f"the table {place['name']!r} is no longer in the upload; use format=npz")


def _rewrite_table(decisions: Decisions, place: Place, table: TextTable, finals: _Finals) -> Iterator[str]:
    start, label, classes = place["start"], place["label"], place.get("classes")
    adds_column = label is None and classes is None and finals.has_changes(place)
    head = table.read_head()
    yield append_cell(head, table.style, "label") if adds_column and table.style is not None else head
    for record in table.read():
        row = start + record.number
        final = finals.changes.find(row)
        if final == DROPPED:
            continue
        if final != UNCHANGED and classes is not None:
            yield _flip(table, record, classes, decisions.flips[row])
        elif final != UNCHANGED or adds_column:
            value = decisions.spellings[finals.labels.find(row)]
            yield _relabel(decisions, table, record, label, value)
        else:
            yield record.raw


def _flip(table: TextTable, record: NamedRecord, classes: Mapping[str, Any], flips: Flips) -> str:
    """Return a record as written, with the opposite in the cells of some classes."""
    if table.style is None:
        return flip_in_json(record.raw, json.loads(record.raw), flips)
    cells = [str(cell) for cell in (record.cells or {}).values()]
    return flip_in_text(record.raw, cells, table.style, flips, classes)


def _relabel(
    decisions: Decisions, table: TextTable, record: NamedRecord, label: int | str | None, value: object
) -> str:
    """Return a record as written, with another label or one more cell for it."""
    if table.style is None:
        name, content = str(label or "label"), json.loads(record.raw)
        shaped = decisions.shape_label(content.get(name), value)
        if name in content:
            return replace_value(record.raw, name, shaped)
        end = record.raw[len(record.raw.rstrip("\r\n")) :]
        return json.dumps(content | {name: shaped}, ensure_ascii=record.raw.isascii()) + end
    if label is None:
        return append_cell(record.raw, table.style, str(value))
    return replace_cell(record.raw, table.style, int(label), str(value))


def _read_list(raw: bytes, place: Place) -> Iterator[tuple[int, str, str]]:
    """Yield number, line and path of every line that is not blank."""
    text, _ = decode_text(raw, encoding=place["encoding"])
    lines = (line for line in split_lines(text) if line.strip())
    for number, line in enumerate(lines):
        yield number, line, parse_line(line)[0] if place["has_labels"] else line.strip()


def _rewrite_list(
    decisions: Decisions, place: Place, lines: Iterator[tuple[int, str, str]], finals: _Finals
) -> Iterator[str]:
    adds_labels = not place["has_labels"] and finals.has_changes(place)
    for number, line, path in lines:
        row = place["start"] + number
        final = finals.changes.find(row)
        if final == DROPPED:
            continue
        if final != UNCHANGED or adds_labels:
            yield format_line(path, str(decisions.spellings[finals.labels.find(row)]), like=line)
        else:
            yield line


def write_boxes(decisions: Decisions) -> Iterator[bytes]:
    """Return a zip of everything that was uploaded, with final classes in the annotation files of boxes."""
    changes, _ = _list_changes(decisions)
    return write_zip(_find_upload(decisions), changes, None)


def write_annotations(decisions: Decisions) -> ExportFile:
    """Write the annotation files of boxes alone, with final classes.

    Raises:
        Invalid: the samples are no boxes.

    """
    if decisions.dataset.format not in BOX_FORMATS:
        raise Invalid(
            f"only boxes ({', '.join(sorted(BOX_FORMATS))}) have annotation files; found the format"
            f" {decisions.dataset.format!r}, which `dataset` exports"
        )
    decisions.require_original()
    changes, files = _list_changes(decisions)
    names = KeptNames((name, 0) for name in files)
    blocks = write_zip(_find_upload(decisions), changes, names)
    return ExportFile(name=f"{decisions.stem}-annotations.zip", media_type=ZIP, blocks=blocks)


def _find_upload(decisions: Decisions) -> Uploaded:
    if decisions.originals is not None:
        raise Invalid("annotation files are exported of uploads alone, not of files in place; use labels.csv")
    return Uploaded(storage=decisions.storage, dataset=decisions.dataset, path=decisions.files[0])


def _list_changes(decisions: Decisions) -> tuple[dict[str, dict[int, object]], set[str]]:
    """Return what changes in which annotation file, and the names of all annotation files.

    Raises:
        Invalid: an annotation file has no category for a class that its boxes are changed to, or cannot be
            written with its name.

    """
    changes: dict[str, dict[int, object]] = {}
    categories = decisions.layout.get("categories")
    gone = set(list_uploaded_boxes(_find_upload(decisions)))
    files = {name for name, _ in gone}
    for row in decisions.iterate_rows():
        assert row.source_name is not None, "ingestion stores the annotation file of every box"
        files.add(row.source_name)
        gone.discard((row.source_name, row.source_row))
        if decisions.final_N[row.position] == DROPPED:
            changes.setdefault(row.source_name, {})[row.source_row] = None
        elif decisions.is_changed(row):
            value = (
                decisions.get_final_value(row.position)
                if categories is None
                else _find_category(categories, row.source_name, decisions.get_final_name(row.position))
            )
            changes.setdefault(row.source_name, {})[row.source_row] = value
    for name, record in gone:  # dropped in an earlier version
        changes.setdefault(name, {})[record] = None
    check_changes(_find_upload(decisions), changes)
    return changes, files


def _find_category(categories: Mapping[str, Mapping[str, object]], file: str, name: str) -> object:
    """Return what a file writes for a class."""
    known = categories.get(file, categories.get("", {}))
    if name not in known:
        raise Invalid(
            f"{file!r} has no category {name!r}, which one of its boxes was changed to: add the category to"
            " the file and upload it again, or use labels.csv"
        )
    return known[name]
