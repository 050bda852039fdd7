"""What zip and tar have in common: members by number, read at their offset from any thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from worker.formats.shared.problems import IngestError

if TYPE_CHECKING:
    from worker.formats.shared.compact_texts import Texts
    from worker.formats.shared.sample import Locations
    from worker.formats.shared.upload_limits import IngestLimits


class Archive(Protocol):
    """Members of an archive that are ordinary files, litter left out, in the archive's order."""

    names: Texts
    path: Path

    def read(self, member: int) -> bytes:
        """Bytes of a member, within `max_member_bytes`; SampleError where it is broken. Thread-safe."""

    def extract(self, member: int, target: Path) -> None:
        """Write a member of any size to a file, block by block; IngestError where it is broken."""

    def find_locations(self, members: np.ndarray) -> Locations:
        """Where the encoded members lie; offsets are known once a member has been read."""

    def close(self) -> None:
        """Close the file."""


class OpenFile:
    """A file read by position, so that threads need no lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.descriptor).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at an offset; shorter at the end of the file."""
        return os.pread(self.descriptor, length, offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


def make_broken_error(path_kind: str, found: str) -> IngestError:
    """Error for a container that cannot be read as a whole."""
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
    """Refuse streams that blow up more than any real data does."""
    if produced > limits.ratio_from_bytes and produced > limits.max_ratio * max(stored, 1):
        raise IngestError(
            "compression_ratio",
            f"expected at most {limits.max_ratio} bytes from each compressed byte; "
            f"found {produced} or more from {stored}",
        )
