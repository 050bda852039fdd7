"""Files that lie elsewhere, read as the members of an archive; several are fetched ahead of their turn."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from worker.formats.archives.archive import check_members, check_total
from worker.formats.shared.problems import IngestError, SampleError
from worker.formats.shared.sample import Locations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.compact_texts import Texts
    from worker.formats.shared.upload_limits import IngestLimits

_AT_ONCE = 16
_AHEAD_BYTES = 64 << 20
"""Of fetched files whose turn has not come."""
_AHEAD_FILES = 64
_ASSUMED_BYTES = 1 << 20
"""Of a file whose length is not known."""


@dataclass(frozen=True, kw_only=True)
class PlacedMembers:
    """The files of a place, and how one is read."""

    names: Texts
    sizes: NDArray[np.int64]
    """Bytes [N]; 0: not known before the file is read. Reading sets them."""
    offsets: NDArray[np.int64]
    """What stands for each file where others store an offset into the upload [N]."""
    read: Callable[[int], bytes]
    """Returns a file of at most `max_member_bytes`, or raises SampleError; thread-safe."""
    links: Sequence[str] = ()
    """Links in a folder, which are not followed."""
    are_addresses: bool = False
    """Whether names are addresses, whose queries may be signed and are not shown."""


class PlacedArchive:
    """See `Archive`."""

    def __init__(self, members: PlacedMembers, limits: IngestLimits) -> None:
        self.names, self.path = members.names, Path()
        self._members = members
        check_members(len(self.names), limits)
        check_total(int(members.sizes.sum()), limits)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="placed")
        self._lock = Lock()
        self._order: list[int] = []
        self._asked = 0
        self._ahead: dict[int, Future[bytes]] = {}

    def plan_reads(self, members: NDArray[np.int64]) -> None:
        """Announce which members are read next, in this order: the first of them are fetched at once."""
        with self._lock:
            self._order, self._asked = list(dict.fromkeys(members.tolist())), 0
            for future in self._ahead.values():
                future.cancel()
            self._ahead.clear()
            self._fetch_ahead()

    def _fetch_ahead(self) -> None:
        """Ask for more files while there is room for them; the lock is held."""
        held = sum(int(self._members.sizes[member]) or _ASSUMED_BYTES for member in self._ahead)
        while self._asked < len(self._order) and len(self._ahead) < _AHEAD_FILES and held < _AHEAD_BYTES:
            member = self._order[self._asked]
            self._asked += 1
            self._ahead[member] = self._threads.submit(self._members.read, member)
            held += int(self._members.sizes[member]) or _ASSUMED_BYTES

    def read(self, member: int) -> bytes:
        """Return a member; SampleError if it cannot be had. Thread-safe."""
        with self._lock:
            future = self._ahead.pop(member, None)
            self._fetch_ahead()
        return self._members.read(member) if future is None else future.result()

    def read_blocks(self, member: int) -> Iterator[bytes]:
        """Yield a member as one block; IngestError if it cannot be had."""
        try:
            yield self.read(member)
        except SampleError as error:
            raise IngestError(error.code, f"{self.names[member]}: {error.detail}") from None

    def extract(self, member: int, target: Path) -> None:
        """Write a member to a file."""
        with target.open("wb") as file:
            file.writelines(self.read_blocks(member))

    def locate_all(self, _: NDArray[np.int64]) -> None:
        """Do nothing: what stands for an offset is known."""

    def find_locations(self, members: NDArray[np.int64]) -> Locations:
        """Return what stands for the location of members; their lengths are known when they were read."""
        return Locations(
            offsets=self._members.offsets[members],
            lengths=self._members.sizes[members],
            methods=np.zeros(len(members), dtype=np.int16),
        )

    def close(self) -> None:
        """Stop fetching."""
        self._threads.shutdown(wait=True, cancel_futures=True)
