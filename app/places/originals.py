"""Reading the files of a dataset in their place, with their fingerprints checked."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pyarrow as pa
from pyarrow import parquet
from sqlalchemy.orm import Session

from app.infra.errors import ApiError
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.places.file_lists import ORIGINALS, SCHEMA, get_file, locate_row
from app.places.place_access import Access, open_place
from app.places.place_opening import find_access
from app.places.place_types import OriginalChanged, Place, PlacedFile, TooLong
from app.tables import Dataset

UNKNOWN_MOST = 2**28
"""Bytes of a file whose length is not known, as of any picture (`max_member_bytes`)."""
LISTS_KEPT = 4
AT_ONCE = 16


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
        f"{file.shown_name!r} has changed in its place since this dataset was read; synchronise the dataset"
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
