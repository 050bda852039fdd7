"""Arrays of pictures, converted to uint8 [N, H, W, C] while they are read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.array_checks import check_count, split_blocks
from worker.formats.shared.pixel_range import BYTE, choose_range_top, describe_range, scale_to_bytes
from worker.formats.shared.problems import IngestError
from worker.formats.shared.sample import ArrayImages, Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

_CHANNELS = (1, 3, 4)
_MAX_SIDE = 65_535
_WORD = 65_535


def read_image_array(
    format_name: str, array: NDArray[Any], columns: Columns, ingestion: Ingestion
) -> ArrayImages:
    """Read pictures [N, H, W], [N, H, W, C] or [N, C, H, W] of any real dtype; C 1, 3 or 4."""
    check_count(len(array), ingestion)
    images = put_channels_last(array)
    _, height, width, channels = images.shape
    if (
        not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE)
        or height * width > ingestion.limits.max_pixels
    ):
        raise IngestError(
            "too_many_pixels",
            f"expected pictures of 1 to {ingestion.limits.max_pixels} pixels; found {width} x {height}",
        )
    top = _find_range_top(images, ingestion)
    ingestion.understood.facts["scale"] = f"pixels {describe_range(top, is_float=images.dtype.kind == 'f')}"
    ingestion.layout["is_scaled"] = images.dtype.kind != "b" and top != BYTE
    return ArrayImages(
        format=format_name,
        columns=columns,
        shape=(height, width, 1 if channels == 1 else 3),
        read=partial(_read_pixels, images, top),
    )


def put_channels_last(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view [N, H, W, C] of a picture array; if both ends could be channels, the last one is."""
    if array.ndim == 3:  # noqa: PLR2004 - N, H, W
        return array[..., np.newaxis]
    if array.ndim == 4 and array.shape[3] in _CHANNELS:  # noqa: PLR2004 - N, H, W, C
        return array
    if array.ndim == 4 and array.shape[1] in _CHANNELS:  # noqa: PLR2004 - N, C, H, W
        return array.transpose(0, 2, 3, 1)
    raise IngestError(
        "bad_shape",
        "expected pictures as [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1, 3 or 4; "
        f"found {list(array.shape)}",
    )


def _find_range_top(images: NDArray[Any], ingestion: Ingestion) -> float:
    """Return the value that becomes 255: one for the whole array."""
    kind = images.dtype.kind
    if images.dtype == np.uint8:
        return float(BYTE)
    if kind == "b":
        return 1.0
    if kind not in "iuf":
        raise IngestError(
            "bad_dtype", f"expected pixels as integers, floats or booleans; found dtype {images.dtype}"
        )
    low, high = _find_range(images, ingestion)
    if low < 0 or high > _WORD or (kind == "f" and high > BYTE):
        raise IngestError(
            "pixel_range",
            f"expected pixels in 0..1 or 0..255 (integers also 0..65535); found {low:g} to {high:g}"
            " (scale them, for example (x - x.min()) / (x.max() - x.min()))",
        )
    return choose_range_top(high, is_float=kind == "f")


def _find_range(images: NDArray[Any], ingestion: Ingestion) -> tuple[float, float]:
    """Return the smallest and largest finite value; 0, 0 if there is none."""
    low, high = np.inf, -np.inf
    for start, stop in split_blocks(images):
        block = images[start:stop]
        finite = block[np.isfinite(block)] if images.dtype.kind == "f" else block
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        ingestion.alive()
    return (low, high) if low <= high else (0.0, 0.0)


def _read_pixels(
    images: NDArray[Any], top: float, start: int, stop: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return rows as uint8 [n, H, W, 1 or 3], and which of them are finite."""
    block = np.asarray(images[start:stop])
    usable = np.ones(len(block), dtype=np.bool_)
    if block.dtype.kind == "f":
        usable = np.isfinite(block).all(axis=(1, 2, 3))
        block = np.where(usable[:, None, None, None], block, 0)
    if block.dtype != np.uint8:
        block = scale_to_bytes(block, top)
    return (_put_on_white(block) if block.shape[3] == 4 else block), usable  # noqa: PLR2004 - RGBA


def _put_on_white(block: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = block[..., 3:].astype(np.uint16)
    mixed = (block[..., :3] * alpha + BYTE * (BYTE - alpha) + BYTE // 2) // BYTE
    return mixed.astype(np.uint8)


class ImageArrays:
    """See `ArrayReader`."""

    names: tuple[str, ...] = ()

    def accepts(self, _: NDArray[Any]) -> bool:
        """Return True: `read` refuses other arrays, and its error names the expected shapes."""
        return True

    def read(
        self,
        format_name: str,
        array: NDArray[Any],
        columns: Columns,
        ingestion: Ingestion,
        _: Callable[[], Sequence[str] | None],
    ) -> ArrayImages:
        """Return the array's pictures; column names are ignored."""
        return read_image_array(format_name, array, columns, ingestion)
