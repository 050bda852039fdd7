"""One pass over all samples as they are stored: which are copies or blank, and what each looks like small.

Shape suffixes: N samples, B of a block, R bytes of a row, T values of a thumbnail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 2**20
BLANK_RANGE = 8
"""A picture whose every channel spans at most so many of 255 levels shows nothing."""
THUMBNAIL_SIDE = 8
MIXER = np.uint64(0x9E3779B97F4A7C15)
MIXER_SHIFT = np.uint64(29)

IMAGE_DIMENSIONS = 4  # N, H, W, C

Inputs = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
Thumbnails = npt.NDArray[np.float16]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was seen."""

    copy_of_N: Index
    """The first position with the very same pixels or features; its own where there is none before it."""
    is_blank_N: npt.NDArray[np.bool_]
    """Whether a picture is of one colour; never for features."""
    thumbnails_NT: Thumbnails | None
    """Small grey pictures with mean 0 and length 1 (0 for blank ones); None for features."""


def survey(inputs: Inputs) -> Survey:
    """Look at every sample once, block by block; `inputs` may be memory-mapped."""
    is_image = inputs.ndim == IMAGE_DIMENSIONS
    count = len(inputs)
    hash_N = np.empty(count, dtype=np.uint64)
    is_blank_N = np.zeros(count, dtype=np.bool_)
    thumbnails_NT = np.empty((count, THUMBNAIL_SIDE**2), dtype=np.float16) if is_image else None
    for block in blocks(inputs):
        rows = np.array(inputs[block])
        hash_N[block] = _hashes(rows.reshape(len(rows), -1))
        if thumbnails_NT is not None:
            is_blank_N[block] = _is_blank(rows)
            thumbnails_NT[block] = _thumbnails(rows)
    return Survey(copy_of_N=_copies(inputs, hash_N), is_blank_N=is_blank_N, thumbnails_NT=thumbnails_NT)


def blocks(inputs: Inputs) -> Iterator[slice]:
    """Yield slices of about `BLOCK_BYTES` of rows each."""
    row_bytes = inputs[:1].nbytes
    rows = max(1, BLOCK_BYTES // max(row_bytes, 1))
    for start in range(0, len(inputs), rows):
        yield slice(start, min(start + rows, len(inputs)))


def _hashes(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return a hash of each row's bytes [B]; equal rows share it, others hardly ever do."""
    bytes_BR = rows.view(np.uint8)
    missing = -bytes_BR.shape[1] % 8
    words_BW = np.pad(bytes_BR, ((0, 0), (0, missing))).view(np.uint64)
    keys_W = np.random.default_rng(0).integers(0, 2**64, words_BW.shape[1], dtype=np.uint64)
    mixed_BW = (words_BW ^ keys_W) * MIXER
    mixed_BW ^= mixed_BW >> MIXER_SHIFT
    hash_B: npt.NDArray[np.uint64] = (mixed_BW * (keys_W | np.uint64(1))).sum(axis=1, dtype=np.uint64)
    return hash_B


def _copies(inputs: Inputs, hash_N: npt.NDArray[np.uint64]) -> Index:
    """Return the first position with the same content, compared byte by byte where hashes agree."""
    _, first, group_N = np.unique(hash_N, return_index=True, return_inverse=True)
    copy_of_N = first[group_N].astype(np.int64)
    later = np.flatnonzero(copy_of_N != np.arange(len(copy_of_N)))
    rows = max(1, BLOCK_BYTES // max(inputs[:1].nbytes, 1))
    for start in range(0, len(later), rows):
        part = later[start : start + rows]
        same = inputs[part] == inputs[copy_of_N[part]]
        differing = part[~same.reshape(len(part), -1).all(axis=1)]
        copy_of_N[differing] = differing
    return copy_of_N


def _is_blank(rows_BHWC: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which pictures are of one colour [B].

    Rows first, here and in thumbnails: numpy goes through three channels one by one, ten times as slowly.
    """
    count, height, width, channels = rows_BHWC.shape
    lines = rows_BHWC.reshape(count, height, width * channels)
    highest, lowest = (
        each.reshape(count, width, channels) for each in (lines.max(axis=1), lines.min(axis=1))
    )
    blank_B: npt.NDArray[np.bool_] = (highest.max(axis=1) - lowest.min(axis=1) <= BLANK_RANGE).all(axis=1)
    return blank_B


def _thumbnails(rows_BHWC: npt.NDArray[Any]) -> Thumbnails:
    count, height, width, channels = rows_BHWC.shape
    lines = rows_BHWC.reshape(count, height, width * channels)
    small = _means(lines, axis=1).reshape(count, THUMBNAIL_SIDE, width, channels).sum(axis=3) / channels
    flat = _means(small, axis=2).reshape(count, -1)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.sqrt((flat**2).sum(axis=1, keepdims=True))
    thumbnails: Thumbnails = (flat / np.maximum(length, 1.0)).astype(np.float16)
    return thumbnails


def _means(values: npt.NDArray[Any], *, axis: int) -> npt.NDArray[np.float32]:
    """Return the means of as many parts of an axis as a thumbnail has pixels along it."""
    borders = np.arange(THUMBNAIL_SIDE + 1) * values.shape[axis] // THUMBNAIL_SIDE
    sums = np.add.reduceat(values, borders[:-1], axis=axis, dtype=np.float32)
    lengths = np.maximum(np.diff(borders), 1).astype(np.float32)
    means: npt.NDArray[np.float32] = sums / np.expand_dims(lengths, 2 - axis)
    return means
