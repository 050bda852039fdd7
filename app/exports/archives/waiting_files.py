"""Files that are written before a download begins, and wait on the disk until they are sent."""

import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from app.infra.errors import NoSpace
from app.infra.storage import EXPORTS, Storage

BLOCK_BYTES = 1 << 18


class WaitingFiles:
    """Named files in one on the disk, which has no name of its own and is gone once it is closed."""

    def __init__(self, storage: Storage, reserve_bytes: int) -> None:
        """Begin without files; `reserve_bytes` of the disk stay free."""
        self._storage, self._reserve_bytes = storage, reserve_bytes
        self._file = tempfile.TemporaryFile(dir=storage.root, prefix=EXPORTS)  # noqa: SIM115 - closed by __exit__
        self._spans: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the files."""
        self._file.close()

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file.

        Raises:
            NoSpace: the disk has no room for it beside the reserve.

        """
        start = self._file.tell()
        for block in blocks:
            room = self._storage.measure_free_bytes() - self._reserve_bytes
            if len(block) > room:
                raise NoSpace(
                    f"there is room for {max(room, 0)} bytes, {name!r} with the final labels needs more; use"
                    " format=npz or labels.csv, which are written while they are sent"
                )
            self._file.write(block)
        self._spans[name] = (start, self._file.tell())

    def send_all(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield name and blocks of each file, to be read before the next one; then their room is free."""
        for name, (start, end) in self._spans.items():
            yield name, self._read(start, end)
        self._file.close()

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, BLOCK_BYTES):
            self._file.seek(at)
            yield self._file.read(min(BLOCK_BYTES, end - at))
