"""A fast path for the most common small picture: an 8-bit grey or RGB PNG without optional chunks.

For a picture of 28 x 28 pixels, Pillow's reading of the header takes half of the time. This reads a strict
subset of PNG (ISO/IEC 15948): header, one data chunk, end, every checksum right. Pillow reads everything else
and reports its errors.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_START = struct.Struct(">8sI4s2I5BII4s")
"""Signature; of IHDR length, type, width, height, depth, colour, three methods, CRC; of IDAT length, type."""
_HEADER_BYTES, _DATA_AT = 13, 41
_CRC, _END = struct.Struct(">I"), b"\0\0\0\0IEND\xaeB`\x82"
_COLOURS = {1: (0, "L"), 3: (2, "RGB")}


def read_plain_png(data: bytes, *, width: int, height: int, channels: int) -> NDArray[np.uint8] | None:
    """Return the pixels [H, W, C] of a plain PNG of this size, C 1 or 3; None for anything else."""
    if len(data) < _START.size + _CRC.size + len(_END) or not data.endswith(_END):
        return None
    fields = _START.unpack_from(data)
    colour, mode = _COLOURS[channels]
    expected = (b"\x89PNG\r\n\x1a\n", _HEADER_BYTES, b"IHDR", width, height, 8, colour, 0, 0, 0)
    if fields[:10] != expected or fields[10] != zlib.crc32(data[12:29]) or fields[12] != b"IDAT":
        return None
    stop = _DATA_AT + fields[11]
    if stop + _CRC.size + len(_END) != len(data):
        return None
    if zlib.crc32(memoryview(data)[_DATA_AT - 4 : stop]) != _CRC.unpack_from(data, stop)[0]:
        return None
    try:
        image = Image.frombytes(mode, (width, height), data[_DATA_AT:stop], "zip", mode, 0)
    except ValueError:
        return None
    return np.frombuffer(image.tobytes(), dtype=np.uint8).reshape(height, width, channels)
