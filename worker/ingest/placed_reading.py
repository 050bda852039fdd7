"""Reading of a dataset's files in their place, and the list of them with their digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from app.infra.errors import ApiError
from app.places.file_lists import ORIGINALS, ROW_BITS, SCHEMA, get_file
from app.places.place_access import Access, open_place
from app.places.place_types import LINK, UnusablePlace
from worker.formats.archives.placed_archive import PlacedMembers
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import IngestError, SampleError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from app.places.place_types import Place


FAILED_IN_A_ROW = 200
"""Files after which a place counts as out of order: at half a minute for each, 100 minutes."""
FAILED_MOST, FEWEST_IN_A_ROW = 0.01, 20
"""Share of files that the place may fail to hand out, which are listed as problems; an outage is far more."""


@dataclass(frozen=True, kw_only=True)
class PlacedUpload:
    """A listed place that is read, in the process that reads uploads."""

    table: pa.Table
    place: Place
    max_bytes: int
    sizes: NDArray[np.int64]
    are_addresses: bool
    """Whether its files are named by addresses."""
    tags: dict[int, str | None] = field(default_factory=dict)
    digests: dict[int, bytes] = field(default_factory=dict)
    """SHA-256 by row of those that were read."""
    failed: dict[int, str] = field(default_factory=dict)
    """Reasons by row where the place itself failed, not the file."""
    latest: list[str] = field(default_factory=list)
    """Reasons of those that failed since the last file that could be had."""

    def read(self, row: int) -> bytes:
        """Return the content of a file, and remember its fingerprint."""
        file = get_file(self.table, row)
        try:
            content = self.place.read(file, most=self.max_bytes)
        except ApiError as error:
            if isinstance(error, UnusablePlace):
                self.failed[row] = error.detail
                self._count_failure(error.detail)
            raise SampleError(error.code, error.detail) from None
        self.latest.clear()
        self.sizes[row] = len(content.data)
        self.tags[row] = content.tag
        self.digests[row] = hashlib.sha256(content.data).digest()
        return content.data

    def _count_failure(self, detail: str) -> None:
        """Raise IngestError once the place counts as out of order, instead of waiting for each file of it."""
        self.latest.append(detail)
        if len(self.latest) >= min(FAILED_IN_A_ROW, FEWEST_IN_A_ROW + FAILED_MOST * len(self.table)):
            raise IngestError(
                "place_failed", f"{len(self.latest)} files in a row could not be had; the last one: {detail}"
            )

    def list_members(self) -> PlacedMembers:
        """Return the files as the members of an archive."""
        names, tags = (self.table[column].to_pylist() for column in ("name", "tag"))
        count = next((row for row, tag in enumerate(tags) if tag == LINK), len(names))
        return PlacedMembers(
            names=Texts(names[:count]),
            links=names[count:],
            sizes=self.sizes[:count],
            offsets=np.arange(count, dtype=np.int64) << ROW_BITS,
            read=self.read,
            are_addresses=self.are_addresses,
        )

    def write(self, folder: Path) -> None:
        """Write the list with what was read; files that were not read have no digest.

        Raises:
            IngestError: the place failed for so many files that the dataset would not be what lies there.

        """
        missing = self.failed.keys() - self.digests.keys()
        if len(missing) > FAILED_MOST * len(self.table):
            raise IngestError(
                "place_failed",
                f"expected to read {len(self.table)} files in their place; {len(missing)} could not be had, "
                f"such as: {self.failed[min(missing)]}",
            )
        rows = range(len(self.table))
        listed = self.table["tag"].to_pylist()
        columns = {
            "name": self.table["name"],
            "location": self.table["location"],
            "size": pa.array(self.sizes, mask=(self.sizes == 0) & ~self._was_read()),
            "tag": pa.array([self.tags.get(row, listed[row]) for row in rows], pa.string()),
            "sha256": pa.array([self.digests.get(row) for row in rows], pa.binary(32)),
        }
        parquet.write_table(pa.table(columns, SCHEMA), folder / ORIGINALS, compression="zstd")

    def _was_read(self) -> NDArray[np.bool_]:
        was_read = np.zeros(len(self.table), dtype=np.bool_)
        was_read[list(self.digests)] = True
        return was_read


def open_placed(access: Access, listing: Path, *, max_bytes: int) -> PlacedUpload:
    """Open a place whose files were listed."""
    table = parquet.read_table(listing, schema=SCHEMA)
    sizes = np.array([size or 0 for size in table["size"].to_pylist()], dtype=np.int64)
    place = open_place(access, is_patient=True)
    return PlacedUpload(
        table=table, place=place, max_bytes=max_bytes, sizes=sizes, are_addresses=access.kind == "table"
    )
