"""Opens uploaded files, on disk or in a bucket."""

import io
import os
from pathlib import Path
from typing import BinaryIO, cast

from app.infra.storage import Storage

BUFFER_BYTES = 1 << 20


def open_stored_file(storage: Storage, path: Path) -> BinaryIO:
    """Open a published file for reading."""
    if storage.is_local:
        return path.open("rb")
    return cast("BinaryIO", io.BufferedReader(_BucketFile(storage, path), BUFFER_BYTES))


class _BucketFile(io.RawIOBase):
    """A file in a bucket that is read by ranges."""

    def __init__(self, storage: Storage, path: Path) -> None:
        super().__init__()
        self._storage, self._path, self._at = storage, path, 0
        self._size = storage.measure_size(path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        block = self._storage.read(self._path, start=self._at, length=length)
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)
