"""Files in their place, read as the uploaded file is: by what stands for an offset, then from its start."""

import io
import os
from typing import BinaryIO, cast

from app.places.originals import PlacedOriginals


def open_placed_stream(originals: PlacedOriginals) -> BinaryIO:
    """Open the files of a dataset for reading each from its start."""
    return cast("BinaryIO", _PlacedStream(originals))


class _PlacedStream(io.RawIOBase):
    def __init__(self, originals: PlacedOriginals) -> None:
        super().__init__()
        self._originals, self._offset = originals, 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        assert whence == os.SEEK_SET
        self._offset = offset
        return offset

    def read(self, length: int = -1) -> bytes:
        content = self._originals.read(self._offset)
        return content if length < 0 else content[:length]
