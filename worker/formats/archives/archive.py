"""What zip and tar have in common: numbered members that any thread can read at their offset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from worker.formats.shared.problems import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.formats.shared.compact_texts import Texts
    from worker.formats.shared.sample import Locations
    from worker.formats.shared.upload_limits import IngestLimits


class Archive(Protocol):
    """The ordinary files of an archive in its order, without files that an operating system added."""

    names: Texts
    path: Path

    def read(self, member: int) -> bytes:
        """Return a member of at most `max_member_bytes`; SampleError if it is broken. Thread-safe."""

    def read_blocks(self, member: int) -> Iterator[bytes]:
        """Yield a member of any size in blocks; IngestError if it is broken."""

    def extract(self, member: int, target: Path) -> None:
        """Write a member of any size to a file in blocks; IngestError if it is broken."""

    def find_locations(self, members: np.ndarray) -> Locations:
        """Return the location of encoded members; an offset is known after its member has been read."""

    def locate_all(self, members: np.ndarray) -> None:
        """Make the offsets of members known that have not been read."""

    def plan_reads(self, members: np.ndarray) -> None:
        """Announce which members are read next, in this order; what is near has no use for it."""

    def close(self) -> None:
        """Close the file."""


class OpenFile:
    """A file that is read by position, so threads need no lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.descriptor).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset; fewer at the end of the file."""
        return os.pread(self.descriptor, length, offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


def make_broken_error(path_kind: str, found: str) -> IngestError:
    """Make the error for a damaged container."""
    return IngestError("broken_container", f"expected a complete {path_kind} file; found {found}")


def check_members(count: int, limits: IngestLimits) -> None:
    """Refuse archives with more members than allowed."""
    if count > limits.max_members:
        raise IngestError(
            "too_many_members", f"expected at most {limits.max_members} files in an archive; found {count}"
        )


def check_total(total: int, limits: IngestLimits) -> None:
    """Refuse uploads that unpack to more bytes than allowed."""
    if total > limits.max_total_bytes:
        raise IngestError(
            "too_many_bytes",
            f"expected at most {limits.max_total_bytes} bytes after decompression; found {total} or more",
        )


def check_ratio(produced: int, stored: int, limits: IngestLimits) -> None:
    """Refuse streams with a higher compression ratio than real data has."""
    if produced > limits.ratio_from_bytes and produced > limits.max_ratio * max(stored, 1):
        raise IngestError(
            "compression_ratio",
            f"expected at most {limits.max_ratio} bytes from each compressed byte; "
            f"found {produced} or more from {stored} (compress less or not at all)",
        )
