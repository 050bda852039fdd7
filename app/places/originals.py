"""The list of the files that a dataset refers to, and reading these files with their fingerprints checked.

A sample's `source_offset` of such a dataset is the row of its file in this list, times 2^ROW_BITS, so that
all readers of originals go on as they do with the bytes of one uploaded file.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
from pyarrow import parquet
from sqlalchemy.orm import Session

from app.infra.errors import ApiError
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.places.place_opening import Access, find_access, open_place
from app.places.place_types import OriginalChanged, Place, PlacedFile, TooLong
from app.tables import Dataset

ORIGINALS = "originals.parquet"
ROW_BITS = 33
"""Leaves room for 2^30 files in a 64-bit integer; a file is far below 2^33 bytes (`max_member_bytes`)."""
UNKNOWN_MOST = 2**28
"""Bytes of a file whose length is not known, as of any picture (`max_member_bytes`)."""
LISTS_KEPT = 4
AT_ONCE = 16
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


@dataclass(frozen=True, kw_only=True)
class PlacedOriginals:
    """The files of one dataset in their place; methods are safe in threads."""

    table: pa.Table
    place: Place

    def read(self, offset: int, _: int = 0) -> bytes:
        """Return the file of a sample, with the bytes that the dataset was read from.

        Raises:
            OriginalGone: it is no longer there.
            OriginalChanged: it has other bytes now.
            ApiError: the place does not answer.

        """
        return self.read_row(locate_row(offset))

    def read_row(self, row: int) -> bytes:
        """Return the file of a row of the list; raises what `read` does."""
        file = get_file(self.table, row)
        try:
            content = self.place.read(file, most=UNKNOWN_MOST if file.size is None else file.size)
        except TooLong:
            raise make_changed(file) from None
        digest = self.table["sha256"][row].as_py()
        if digest is not None and sha256(content.data).digest() != digest:
            raise make_changed(file)
        return content.data

    def read_each(self, offsets: Sequence[int]) -> list[bytes | ApiError]:
        """Return the files of samples, read at once; an error stands for a file that cannot be had."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="originals") as threads:
            return list(threads.map(self._read_or_explain, offsets))

    def _read_or_explain(self, offset: int) -> bytes | ApiError:
        try:
            return self.read(offset)
        except ApiError as error:
            return error

    def check(self, offset: int) -> None:
        """Raise what `read` would, by the fingerprint that the place itself keeps where it keeps one."""
        row = locate_row(offset)
        file = get_file(self.table, row)
        now = self.place.inspect(file)
        if now.tag is None or (now.size, now.tag) != (file.size, file.tag):
            self.read_row(row)  # it may have been touched, and have the same bytes

    def get_digest(self, offset: int) -> str:
        """Return the SHA-256 of a sample's file when the dataset was read."""
        digest: bytes | None = self.table["sha256"][locate_row(offset)].as_py()
        return "" if digest is None else digest.hex()


def make_changed(file: PlacedFile) -> OriginalChanged:
    """Make the error for a file that has other bytes than when its dataset was read."""
    return OriginalChanged(
        f"{file.name!r} has changed in its place since this dataset was read; synchronise the dataset"
    )


def open_originals(
    session: Session, storage: Storage, dataset: Dataset, settings: Settings
) -> PlacedOriginals | None:
    """Return the files of a ready dataset in their place; None: they were uploaded."""
    if dataset.place is None:
        return None
    access = find_access(session, dataset, settings)
    return PlacedOriginals(table=read_listing(storage, dataset), place=_open_once(access))


def read_listing(storage: Storage, dataset: Dataset) -> pa.Table:
    """Return the list of the files of a ready dataset."""
    return _read_once(dataset.id, storage.fetch_pack_file(dataset, ORIGINALS))


@lru_cache(maxsize=LISTS_KEPT)
def _read_once(_: UUID, path: Path) -> pa.Table:
    """Read a list, which never changes."""
    return parquet.read_table(path, schema=SCHEMA)


@lru_cache(maxsize=64)
def _open_once(access: Access) -> Place:
    """Keep the connections of a place."""
    return open_place(access)
