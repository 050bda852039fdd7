"""The list of the files that a dataset refers to, as a Parquet file.

A sample's `source_offset` of such a dataset is the row of its file in this list, times 2^ROW_BITS, so that
all readers of originals go on as they do with the bytes of one uploaded file.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from app.places.place_types import PlacedFile

ORIGINALS = "originals.parquet"
ROW_BITS = 33
"""Leaves room for 2^30 files in a 64-bit integer; a file is far below 2^33 bytes (`max_member_bytes`)."""
SCHEMA = pa.schema(
    {
        "name": pa.string(),
        "location": pa.string(),
        "size": pa.int64(),
        "tag": pa.string(),
        "sha256": pa.binary(32),
    }
)


def write_listing(path: Path, files: Iterable[PlacedFile]) -> int:
    """Write a list of files that were not read yet, and return how many they are."""
    count = 0
    with parquet.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for block in _split(files):
            writer.write_table(_make_table(block, [None] * len(block)))
            count += len(block)
    return count


def _split(files: Iterable[PlacedFile], size: int = 16_384) -> Iterator[list[PlacedFile]]:
    block = []
    for file in files:
        block.append(file)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _make_table(files: Sequence[PlacedFile], digests: Sequence[bytes | None]) -> pa.Table:
    columns: dict[str, Any] = {
        name: [getattr(file, name) for file in files] for name in ("name", "location", "size", "tag")
    }
    return pa.table({**columns, "sha256": digests}, SCHEMA)


def get_file(table: pa.Table, row: int) -> PlacedFile:
    """Return a row of a list."""
    values = {name: table[name][row].as_py() for name in ("name", "location", "size", "tag")}
    return PlacedFile(**values)


def locate_row(offset: int) -> int:
    """Return the row of the list that a sample's `source_offset` stands for."""
    return offset >> ROW_BITS
