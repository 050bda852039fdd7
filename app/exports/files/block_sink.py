"""A file to write to whose content is taken block by block."""

import io
from typing import Any


class BlockSink(io.RawIOBase):
    """Collects what a writer writes, to return it block by block."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Keep data until it is taken."""
        self._blocks.append(bytes(data))
        self._at += len(self._blocks[-1])
        return len(self._blocks[-1])

    def tell(self) -> int:
        """Return the number of bytes written so far, also those that were taken."""
        return self._at

    def take(self) -> bytes:
        """Return what was written since the last call."""
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)
