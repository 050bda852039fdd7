"""The range of pixels of more than 8 bits, and their scaling to 8: one rule for arrays and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BYTE = 255
_BYTE_BITS = 8


def choose_range_top(high: float, *, is_float: bool) -> float:
    """Return the value that becomes 255, from the largest value of a dataset.

    Floats up to 1 have the range 0..1. Everything else has 8 bits or as many as its largest value needs:
    cameras and scanners write 10, 12, 14 or 16 bits into 16, and doing so keeps at least 128 grey levels.
    """
    if is_float and high <= 1:
        return 1.0
    return float((1 << max(_BYTE_BITS, int(np.ceil(high)).bit_length())) - 1)


def scale_to_bytes(values: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Return values in 0..`top` as bytes: integers keep their upper 8 bits, floats are rounded."""
    if values.dtype.kind == "f" or top < BYTE:
        scaled = np.rint(values.astype(np.float32) * np.float32(BYTE / top))
        return np.asarray(scaled.astype(np.uint8))
    shift = int(top).bit_length() - _BYTE_BITS
    return np.asarray((values.astype(np.uint32) >> shift).astype(np.uint8))


def describe_range(top: float, *, is_float: bool) -> str:
    """Say how values were scaled."""
    if top == 1:
        return "0..1 was scaled to 0..255"
    if top == BYTE:
        return "0..255, as they are"
    return f"0..{top:.0f} ({int(top).bit_length()} bits{', floats' if is_float else ''}) was scaled to 0..255"
