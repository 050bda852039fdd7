"""Pictures and features as arrays, brought to uint8 [N, H, W, C] or float32 [N, D]."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.problems import IngestError
from worker.formats.shared.sample import ArrayImages, Columns, FeatureBatch, Features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

_BLOCK_BYTES = 4 << 20
_CHANNELS = (1, 3, 4)
_MAX_SIDE = 65_535
_BYTE, _WORD = 255, 65_535


def check_count(count: int, ingestion: Ingestion) -> None:
    """Refuse arrays with more samples than allowed."""
    if count > ingestion.limits.max_members:
        raise IngestError(
            "too_many_samples", f"expected at most {ingestion.limits.max_members} samples; found {count}"
        )


def check_lengths(count: int, lengths: dict[str, int | None]) -> None:
    """Refuse columns that are longer or shorter than the samples."""
    for name, length in lengths.items():
        if length is not None and length != count:
            raise IngestError(
                "length_mismatch", f"expected {count} {name}, one for each sample; found {length}"
            )


def array_images(
    format_name: str, array: NDArray[Any], columns: Columns, ingestion: Ingestion
) -> ArrayImages:
    """Take pictures [N, H, W], [N, H, W, C] or [N, C, H, W] of any real dtype; C 1, 3 or 4."""
    check_count(len(array), ingestion)
    images = channels_last(array)
    _, height, width, channels = images.shape
    if (
        not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE)
        or height * width > ingestion.limits.max_pixels
    ):
        raise IngestError(
            "too_many_pixels",
            f"expected pictures of 1 to {ingestion.limits.max_pixels} pixels; found {width} x {height}",
        )
    scale = _scale_to_byte(images, ingestion)
    return ArrayImages(
        format=format_name,
        columns=columns,
        shape=(height, width, 1 if channels == 1 else 3),
        read=partial(_read_pixels, images, scale),
    )


def channels_last(array: NDArray[Any]) -> NDArray[Any]:
    """View [N, H, W, C] of a picture array; where both ends could be channels, the last one is."""
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


def _scale_to_byte(images: NDArray[Any], ingestion: Ingestion) -> float:
    """Factor that brings the values to 0..255, by the smallest usual range that holds all of them."""
    kind = images.dtype.kind
    if images.dtype == np.uint8:
        return 1.0
    if kind == "b":
        return float(_BYTE)
    if kind not in "iuf":
        raise IngestError(
            "bad_dtype", f"expected pixels as whole numbers or floats; found dtype {images.dtype}"
        )
    low, high = _range(images, ingestion)
    if low < 0 or high > _WORD or (kind == "f" and high > _BYTE):
        raise IngestError(
            "pixel_range",
            f"expected pixels in 0..1 or 0..255 (integers also 0..65535); found {low:g} to {high:g}",
        )
    if kind == "f" and high <= 1:
        return float(_BYTE)
    return 1.0 if high <= _BYTE else _BYTE / _WORD


def _range(images: NDArray[Any], ingestion: Ingestion) -> tuple[float, float]:
    """Smallest and largest finite value; 0, 0 where there is none."""
    low, high = np.inf, -np.inf
    for start, stop in block_bounds(images):
        block = images[start:stop]
        finite = block[np.isfinite(block)] if images.dtype.kind == "f" else block
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        ingestion.alive()
    return (low, high) if low <= high else (0.0, 0.0)


def block_bounds(array: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Give starts and stops of row blocks of about 4 MiB."""
    row_bytes = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    step = max(1, _BLOCK_BYTES // row_bytes)
    return ((start, min(start + step, len(array))) for start in range(0, len(array), step))


def _read_pixels(
    images: NDArray[Any], scale: float, start: int, stop: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Rows as uint8 [n, H, W, 1 or 3], and which of them are finite."""
    block = np.asarray(images[start:stop])
    usable = np.ones(len(block), dtype=np.bool_)
    if block.dtype.kind == "f":
        usable = np.isfinite(block).all(axis=(1, 2, 3))
        block = np.where(usable[:, None, None, None], block, 0)
    if block.dtype != np.uint8:
        block = np.rint(block.astype(np.float32) * scale).astype(np.uint8)
    return (_on_white(block) if block.shape[3] == 4 else block), usable  # noqa: PLR2004 - RGBA


def _on_white(block: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = block[..., 3:].astype(np.uint16)
    mixed = (block[..., :3] * alpha + _BYTE * (_BYTE - alpha) + _BYTE // 2) // _BYTE
    return mixed.astype(np.uint8)


def array_features(
    format_name: str, array: NDArray[Any], names: Sequence[str] | None, columns: Columns, ingestion: Ingestion
) -> Features:
    """Features [N, D] of any real dtype."""
    check_count(len(array), ingestion)
    check_width(array.shape[1], ingestion)
    if array.dtype.kind not in "biuf":
        raise IngestError("bad_dtype", f"expected features as numbers; found dtype {array.dtype}")
    return Features(
        format=format_name,
        names=names or [f"x{column}" for column in range(array.shape[1])],
        batches=_feature_batches(array, columns),
        total=len(array),
    )


def check_width(width: int, ingestion: Ingestion) -> None:
    """Refuse feature tables without columns or with more than allowed."""
    if not 1 <= width <= ingestion.limits.max_features:
        raise IngestError(
            "feature_count", f"expected 1 to {ingestion.limits.max_features} feature columns; found {width}"
        )


def _feature_batches(array: NDArray[Any], columns: Columns) -> Iterator[FeatureBatch]:
    for start, stop in block_bounds(array):
        yield FeatureBatch(
            features=to_float32(np.asarray(array[start:stop])),
            columns=Columns(
                given=columns.given[start:stop],
                true=None if columns.true is None else columns.true[start:stop],
                keys=None if columns.keys is None else columns.keys[start:stop],
                splits=None if columns.splits is None else columns.splits[start:stop],
            ),
        )


def to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32; those too large become infinite and are found later."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values.astype(np.float32))
