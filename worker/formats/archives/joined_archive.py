"""Several archives as one: the members of each in a folder named as it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from worker.formats.archives.archive import check_members, check_total
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.sample import Locations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.upload_limits import IngestLimits


class JoinedArchive:
    """The members of archives, in their order."""

    def __init__(self, archives: Mapping[str, Archive], limits: IngestLimits) -> None:
        self._archives = list(archives.values())
        self.path = self._archives[0].path
        self._starts = [0]
        self.names = Texts()
        for folder, archive in archives.items():
            for name in archive.names:
                self.names.append(f"{folder}/{name}")
            self._starts.append(len(self.names))
        check_members(len(self.names), limits)
        lengths = self.find_locations(np.arange(len(self.names))).lengths
        check_total(int(lengths.sum()), limits)

    def _locate(self, member: int) -> tuple[Archive, int]:
        at = bisect_right(self._starts, member) - 1
        return self._archives[at], member - self._starts[at]

    def read(self, member: int) -> bytes:
        """Return a member of at most `max_member_bytes`; SampleError if it is broken. Thread-safe."""
        archive, inside = self._locate(member)
        return archive.read(inside)

    def extract(self, member: int, target: Path) -> None:
        """Write a member of any size to a file."""
        archive, inside = self._locate(member)
        archive.extract(inside, target)

    def read_blocks(self, member: int) -> Iterator[bytes]:
        """Yield a member of any size in blocks."""
        archive, inside = self._locate(member)
        return archive.read_blocks(inside)

    def find_locations(self, members: NDArray[np.int64]) -> Locations:
        """Return the location of members, each in its own archive."""
        owners = np.searchsorted(self._starts, members, side="right") - 1
        offsets, lengths = np.empty_like(members), np.empty_like(members)
        methods = np.empty(len(members), dtype=np.int16)
        for at, archive in enumerate(self._archives):
            own = owners == at
            found = archive.find_locations(members[own] - self._starts[at])
            offsets[own], lengths[own], methods[own] = found.offsets, found.lengths, found.methods
        return Locations(offsets=offsets, lengths=lengths, methods=methods)

    def locate_all(self, members: NDArray[np.int64]) -> None:
        """Make the offsets of members known that have not been read."""
        owners = np.searchsorted(self._starts, members, side="right") - 1
        for at, archive in enumerate(self._archives):
            archive.locate_all(members[owners == at] - self._starts[at])

    def plan_reads(self, _: NDArray[np.int64]) -> None:
        """Do nothing: the files are on this host."""

    def close(self) -> None:
        """Close the files."""
        for archive in self._archives:
            archive.close()
