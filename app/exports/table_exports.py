"""Corrected tables: the uploaded CSV or Parquet with final labels and without dropped rows."""

import bz2
import gzip
import io
import lzma
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import parquet

from app.exports.archives.text_blocks import BLOCK_CHARACTERS, encode_blocks
from app.exports.files.final_rows import DROPPED, UNCHANGED, FinalRows
from app.exports.files.flipped_cells import flip_in_json, flip_in_text
from app.exports.files.parquet_rewriting import (
    FILE_BYTES,
    FILE_PER_BYTE,
    MEMORY_BYTES,
    MEMORY_PER_BYTE,
    Change,
    FlippedCells,
    NewLabels,
    NewLists,
    rewrite_parquet,
)
from app.exports.files.zip_writer import ZipStream
from app.exports.final_labels import Decisions
from app.http.work_apart import call_apart
from app.infra.errors import Invalid, NoSpace
from app.infra.storage import EXPORTS
from app.tables import Json
from models.reading.hugging_face_names import read_class_names
from models.reading.json_records import BLANKS, HEAD, parse_json_records, replace_value
from models.reading.label_texts import make_comparable
from models.reading.record_cells import replace_cell
from models.reading.text_encodings import detect_encoding, find_mark
from models.reading.text_tables import SHEET_TABLE, Record, TableStyle, find_style, read_records

COMPRESSED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
BLOCK_BYTES = 1 << 20
STYLE_LINES = 200


def write_csv_table(decisions: Decisions) -> Iterator[bytes]:
    """Yield the uploaded CSV as it is but for final labels and dropped rows."""
    with decisions.open(decisions.files[0]) as stored, _open_decompressed(stored) as file:
        encoding = decisions.layout.get("table", {}).get("encoding", "utf-8-sig")
        yield from _rewrite_text(decisions, file, encoding, decisions.chosen_delimiter)


def write_json(decisions: Decisions) -> Iterator[bytes]:
    """Yield the uploaded JSON as it is but for final labels and dropped objects."""
    finals = decisions.map_table_rows()
    with decisions.open(decisions.files[0]) as stored, _open_decompressed(stored) as file:
        codec = detect_encoding(file.read(HEAD), chosen=decisions.dataset.options.get("encoding"))
        file.seek(0)
        mark, plain = find_mark(file.read(4), codec)
        file.seek(0)
        with io.TextIOWrapper(cast("Any", file), encoding=codec, newline="") as text:
            blocks = iter(lambda: text.read(BLOCK_CHARACTERS), "")
            yield mark
            yield from encode_blocks(_rewrite_json(decisions, blocks, finals), plain)


def find_json_suffix(decisions: Decisions) -> str:
    """Return "json" if the uploaded file is one list, else "jsonl": an object in each line."""
    with decisions.open(decisions.files[0]) as stored, _open_decompressed(stored) as file:
        head = file.read(HEAD)
    codec = detect_encoding(head, chosen=decisions.dataset.options.get("encoding"))
    return "json" if head.decode(codec, "ignore").lstrip("\ufeff" + BLANKS).startswith("[") else "jsonl"


def _rewrite_json(decisions: Decisions, blocks: Iterator[str], finals: FinalRows) -> Iterator[str]:
    is_first = True
    for number, record in enumerate(parse_json_records(blocks)):
        if record.value is None:
            yield record.before
        elif (final := finals.find(number)) != DROPPED:
            before = record.before
            if is_first and number:  # the comma of a list belongs to the object that was dropped before
                before = before.lstrip().removeprefix(",") if "," in before else ""
            yield before
            if final == UNCHANGED:
                yield record.raw
            else:
                yield _relabel_object(decisions, record.raw, record.value, number, final)
            is_first = False
        elif number == 0:
            yield record.before


def _relabel_object(decisions: Decisions, raw: str, values: Json, number: int, final: int) -> str:
    """Return a JSON object as written, with another label."""
    if "class_columns" in decisions.layout:
        return flip_in_json(raw, values, decisions.flips[number])
    name = decisions.layout["label_column"]
    return replace_value(raw, name, decisions.shape_label(values[name], decisions.spellings[final]))


def write_sheet(decisions: Decisions) -> Iterator[bytes]:
    """Yield the sheet of a workbook as CSV, as it was read but for final labels and dropped rows."""
    table = decisions.storage.fetch_pack_file(decisions.dataset, SHEET_TABLE)
    with table.open("rb") as file:
        yield from _rewrite_text(decisions, file, "utf-8", None)


def _rewrite_text(
    decisions: Decisions, file: IO[bytes], encoding: str, delimiter: str | None
) -> Iterator[bytes]:
    finals = decisions.map_table_rows()
    buffered = io.BufferedReader(cast("io.RawIOBase", file))
    mark, plain = find_mark(buffered.peek(4)[:4], encoding)
    with io.TextIOWrapper(buffered, encoding=encoding, newline="") as lines:
        records = _rewrite_records(decisions, lines, finals, encoding, delimiter)
        blocks = encode_blocks(records, plain)
        yield mark + next(blocks, b"")
        yield from blocks


def _rewrite_records(
    decisions: Decisions,
    lines: io.TextIOWrapper,
    finals: FinalRows,
    encoding: str,
    delimiter: str | None,
) -> Iterator[str]:
    """Yield the records as written; only the labels of changed samples are replaced."""
    head = list(islice(lines, STYLE_LINES))
    style = find_style(head, encoding=encoding, delimiter=delimiter)
    above = style.lines_before + style.header_lines
    yield from head[:above]
    for record in read_records(chain(head, lines), style, strict=False):
        if record.is_comment:
            yield record.raw
        elif (final := finals.find(record.number)) != DROPPED:
            yield record.raw if final == UNCHANGED else _relabel_record(decisions, record, style, final)


def _relabel_record(decisions: Decisions, record: Record, style: TableStyle, final: int) -> str:
    """Return a record as written, with another label."""
    layout = decisions.layout
    if "class_columns" in layout:
        flips = decisions.flips[record.number]
        return flip_in_text(record.raw, record.cells, style, flips, layout["class_places"])
    label = layout.get("label_index", -1)
    if label < 0:
        label = style.columns.index(layout["label_column"])
    return replace_cell(record.raw, style, label, str(decisions.spellings[final]))


def write_parquet(decisions: Decisions) -> Iterator[bytes]:
    """Return the uploaded Parquet file with final labels; several files become a zip.

    Raises:
        Invalid: a file cannot hold a class that samples are changed to.

    """
    finals, parts = decisions.map_table_rows(), decisions.layout["parts"]
    by_name = {file.name: file for file in decisions.files}
    files = [by_name[name] if len(parts) > 1 else decisions.files[0] for name in parts]
    parts_of_rows = _cut(decisions, files, finals)
    for part in parts_of_rows:
        _list_changes(decisions, part)
    if len(parts) == 1:
        return _write_file(decisions, parts_of_rows[0])
    return _write_shards(decisions, parts, parts_of_rows)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One file of an upload, whose rows are counted on from file to file."""

    path: Path
    first_row: int
    finals: FinalRows
    """Of its own rows, from 0."""
    schema: pa.Schema


def _cut(decisions: Decisions, files: list[Path], finals: FinalRows) -> list[_Part]:
    """Return each file with what becomes of its rows."""
    parts, first_row = [], 0
    for path in files:
        with decisions.open(path) as stored:
            file = parquet.ParquetFile(stored)
            count, schema = file.metadata.num_rows, file.schema_arrow
        part = _Part(path=path, first_row=first_row, finals=finals.cut(first_row, count), schema=schema)
        parts.append(part)
        first_row += count
    return parts


def _write_shards(decisions: Decisions, names: list[str], parts: list[_Part]) -> Iterator[bytes]:
    archive = ZipStream()
    for name, part in zip(names, parts, strict=True):
        yield from archive.stream(name, _write_file(decisions, part))
    yield archive.finish()


def _open_decompressed(file: BinaryIO) -> IO[bytes]:
    head = file.read(6)
    file.seek(0)
    opener = next((opener for magic, opener in COMPRESSED.items() if head.startswith(magic)), None)
    return file if opener is None else opener(file)


def _write_file(decisions: Decisions, part: _Part) -> Iterator[bytes]:
    size = decisions.storage.measure_size(part.path)
    _require_room(decisions, size)
    with tempfile.TemporaryDirectory(dir=decisions.storage.root, prefix=EXPORTS) as folder:
        written = Path(folder) / "written.parquet"
        arguments = {
            "source": str(decisions.storage.fetch(part.path, Path(folder))),
            "destination": str(written),
            "finals": part.finals,
            "changes": _list_changes(decisions, part) | _list_flips(decisions, part),
            "reserve_bytes": decisions.reserve_bytes,
        }
        call_apart(
            rewrite_parquet,
            arguments,
            what="a Parquet file",
            memory_bytes=MEMORY_BYTES + MEMORY_PER_BYTE * size,
            file_bytes=FILE_BYTES + FILE_PER_BYTE * size,
        )
        file = written.open("rb")  # what is open stays when the folder goes
    with file:
        yield from iter(lambda: file.read(BLOCK_BYTES), b"")


def _require_room(decisions: Decisions, size: int) -> None:
    """Raise NoSpace unless a file of this size can be written again beside the reserve."""
    needed = size if decisions.storage.is_local else 2 * size  # a bucket's file is copied first
    room = decisions.storage.measure_free_bytes() - decisions.reserve_bytes
    if needed > room:
        raise NoSpace(
            f"there is room for {max(room, 0)} bytes, the corrected Parquet file needs about {needed}; use"
            " format=npz or labels.csv, which are written while they are sent"
        )


def _list_changes(decisions: Decisions, part: _Part) -> dict[int, Change]:
    """Return the new labels in the label column by its place; none where each class has a column.

    Raises:
        Invalid: it cannot hold one.

    """
    if "class_columns" in decisions.layout:
        return {}
    column = part.schema.names.index(decisions.layout["label_column"])
    new = part.finals.list_new_labels()
    if pa.types.is_nested(part.schema.field(column).type):
        return {column: _make_lists(decisions, new, part.schema, column)}
    return {
        column: NewLabels({label: _convert_class(decisions, label, part.schema, column) for label in new})
    }


def _make_lists(decisions: Decisions, new: list[int], schema: pa.Schema, column: int) -> NewLists:
    """Return new labels as lists of classes; Invalid if the lists cannot hold one."""
    names = read_class_names(schema.metadata, schema.names[column])
    holds_numbers = pa.types.is_integer(schema.field(column).type.value_type)
    numbers = {make_comparable(name): at for at, name in enumerate(names or ())} if holds_numbers else {}
    classes = {label: decisions.split_classes(label) for label in new}
    for name in {name for found in classes.values() for name in found}:
        has_number = make_comparable(name) in numbers if names else name.lstrip("-").isdecimal()
        if holds_numbers and not has_number:
            raise Invalid(
                f"the label column {schema.names[column]!r} has lists of numbers and none for the class"
                f" {name!r}; use format=npz"
            )
    return NewLists(classes, numbers, of_numbers=holds_numbers)


def _list_flips(decisions: Decisions, part: _Part) -> dict[int, Change]:
    """Return the rows whose cell in the column of a class says the opposite, by the column's place."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, flips in decisions.flips.items():
        for name in flips:
            rows[name].append(row - part.first_row)
    known = decisions.layout.get("class_columns", {}).values()
    writings = {each["column"]: each["writing"] for each in known}
    return {
        part.schema.names.index(name): FlippedCells(tuple(writings[name]), frozenset(found))
        for name, found in rows.items()
    }


def _convert_class(decisions: Decisions, label: int, schema: pa.Schema, column: int) -> object:
    """Return a class as a label column holds it: an index of the file's own class names, or its own value."""
    kind, value = schema.field(column).type, decisions.spellings[label]
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    names = read_class_names(schema.metadata, schema.names[column])
    try:
        if names is not None and not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
            comparable = [make_comparable(name) or str(at) for at, name in enumerate(names)]
            return (
                pa.scalar(comparable.index(make_comparable(decisions.names[label])), pa.int64())
                .cast(kind)
                .as_py()
            )
        return pa.scalar(value, kind if not isinstance(value, str) else pa.string()).cast(kind).as_py()
    except (pa.ArrowException, ValueError) as error:
        raise Invalid(
            f"the label column {schema.names[column]!r} of type {kind} cannot hold the class"
            f" {decisions.names[label]!r} in every file: {error}; use format=npz"
        ) from error
