"""NumPy's npy and npz, written block by block."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from app.exports.files.zip_writer import ZipStream

Array = npt.NDArray[Any]


def write_npz_members(archive: ZipStream, arrays: dict[str, Array]) -> Iterator[bytes]:
    """Yield arrays as members of an npz."""
    for name, array in arrays.items():
        yield from archive.stream(f"{name}.npy", write_npy(array.dtype, array.shape, [array]))


def write_npy(dtype: np.dtype[Any], shape: Sequence[int], blocks: Iterable[Array]) -> Iterator[bytes]:
    """Yield an npy file made of blocks of rows."""
    header = io.BytesIO()
    fields = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": tuple(shape)}
    npy.write_array_header_2_0(header, fields)
    yield header.getvalue()
    for block in blocks:
        yield np.ascontiguousarray(block, dtype=dtype).tobytes()
