"""An array file that is written in blocks, and whose length is known only at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER_BYTES = 128


class NpyWriter:
    """Appends blocks [n, *row_shape] to a .npy file (version 1.0) that numpy can memory-map."""

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: str) -> None:
        self.row_shape = row_shape
        self.dtype = np.dtype(dtype)
        self.rows = 0
        self._file = path.open("wb")
        self._file.write(bytes(_HEADER_BYTES))

    def append(self, block: NDArray[np.generic]) -> None:
        """Write rows."""
        assert block.shape[1:] == self.row_shape, block.shape
        assert block.dtype == self.dtype, block.dtype
        self._file.write(np.ascontiguousarray(block).data)
        self.rows += len(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        description = repr(
            {"descr": self.dtype.str, "fortran_order": False, "shape": (self.rows, *self.row_shape)}
        ).encode()
        magic = b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little")
        self._file.seek(0)
        self._file.write(magic + description.ljust(_HEADER_BYTES - 11) + b"\n")
        self._file.close()
