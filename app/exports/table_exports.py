"""Cleaned tables: the uploaded CSV or Parquet with final labels and without dropped rows."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from app.exports.files.zip_writer import ZipStream
from app.exports.final_labels import BATCH_ROWS, Decisions

COMPRESSED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
DELIMITERS = ",;\t"
Finals = dict[int, str | None]
"""By row of the upload: the new label of a kept sample, None if its label does not change."""


def write_csv_table(decisions: Decisions) -> Iterator[bytes]:
    """Yield the uploaded CSV with final labels, without dropped rows."""
    finals = _map_finals(decisions)
    with decisions.open(decisions.files[0]) as stored, _open_decompressed(stored) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        first = lines.readline()
        delimiter = max(DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=delimiter))
        label = header.index(decisions.layout["label_column"])
        buffer = io.StringIO()
        table = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
        table.writerow(header)
        for number, row in enumerate(filter(None, csv.reader(lines, delimiter=delimiter))):
            if number in finals:
                row[label] = finals[number] or row[label]
                table.writerow(row)
            if buffer.tell() > BATCH_ROWS:
                yield buffer.getvalue().encode()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue().encode()


def write_parquet(decisions: Decisions) -> Iterator[bytes]:
    """Yield the uploaded Parquet file with final labels; several files become a zip."""
    finals, parts = _map_finals(decisions), decisions.layout["parts"]
    by_name = {file.name: file for file in decisions.files}
    if len(parts) == 1:
        yield from _write_file(decisions, decisions.files[0], finals, first_row=0)
        return
    archive, first_row = ZipStream(), 0
    for name in parts:
        yield from archive.stream(name, _write_file(decisions, by_name[name], finals, first_row=first_row))
        first_row += _count_rows(decisions, by_name[name])
    yield archive.finish()


def _count_rows(decisions: Decisions, path: Path) -> int:
    with decisions.open(path) as stored:
        return int(parquet.read_metadata(stored).num_rows)


def _map_finals(decisions: Decisions) -> Finals:
    return {
        row.source_row: decisions.get_final_name(row.position) if decisions.is_changed(row) else None
        for row in decisions.iterate_kept_rows()
    }


def _open_decompressed(file: BinaryIO) -> IO[bytes]:
    head = file.read(6)
    file.seek(0)
    opener = next((opener for magic, opener in COMPRESSED.items() if head.startswith(magic)), None)
    return file if opener is None else opener(file)


def _write_file(decisions: Decisions, path: Path, finals: Finals, *, first_row: int) -> Iterator[bytes]:
    sink = _Sink()
    with decisions.open(path) as stored, parquet.ParquetFile(stored) as file:
        schema = file.schema_arrow
        column = schema.names.index(decisions.layout["label_column"])
        names = _read_class_names(schema, schema.names[column])
        with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
            for batch in file.iter_batches(BATCH_ROWS):
                rows = range(first_row, first_row + batch.num_rows)
                writer.write_batch(_clean(batch, column, [*rows], finals, names))
                first_row += batch.num_rows
                yield sink.take()
    yield sink.take()


def _clean(
    batch: pa.RecordBatch, column: int, rows: list[int], finals: Finals, names: list[str] | None
) -> pa.RecordBatch:
    kind = batch.schema.field(column).type
    labels = batch.column(column).to_pylist()
    for at, row in enumerate(rows):
        final = finals.get(row)
        if final is not None:
            labels[at] = _convert_name(final, kind, names)
    replaced = batch.set_column(column, batch.schema.field(column), pa.array(labels, kind))
    return replaced.filter(pa.array([row in finals for row in rows]))


def _convert_name(name: str, kind: pa.DataType, names: list[str] | None) -> object:
    if pa.types.is_integer(kind):
        return names.index(name) if names is not None else int(name)
    return float(name) if pa.types.is_floating(kind) else name


def _read_class_names(schema: pa.Schema, column: str) -> list[str] | None:
    """Return the class names that Hugging Face `datasets` stores in the schema's metadata."""
    try:
        names: Any = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return [str(name) for name in names]


class _Sink(io.RawIOBase):
    """Collects what a writer writes, to return it block by block."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self._blocks.append(bytes(data))
        self._at += len(self._blocks[-1])
        return len(self._blocks[-1])

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)
