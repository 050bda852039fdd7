"""The likeness of two images: the correlation of their pixels, with one of them mirrored if that is higher.

So a copy in another size, encoding or brightness is found too. Thumbnails exclude most pairs early.

Shape suffixes: N samples, B of a block, P pairs, H x W pixels, C channels, T values of a thumbnail.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.kinds.sample_arrays import Inputs

LIKE = 0.95
"""Near duplicates of at least ENOUGH_PIXELS have at least this likeness."""
ENOUGH_PIXELS = 32 * 32
"""With fewer pixels, near duplicates need a higher likeness: few pixels correlate by chance."""
BLANK_RANGE = 8
"""An image is blank if every channel spans at most this many of 255 levels."""
THUMBNAIL_SIDE = 8
BLOCK_ROWS = 1_024
WHITE = 255
NOTHING = 1e-12

Rows = npt.NDArray[Any]
Likeness = npt.NDArray[np.float32]


class ImageLikeness:
    """See `ComparedKind`."""

    blank_detail = "a picture of one colour"
    thumbnail_size = THUMBNAIL_SIDE**2

    def find_blanks(self, rows_BHWC: Rows) -> npt.NDArray[np.bool_]:
        """Return which images are of one colour [B].

        Rows are reduced first, here and in thumbnails: numpy reduces three channels first ten times as
        slowly.
        """
        count, height, width, channels = rows_BHWC.shape
        lines = rows_BHWC.reshape(count, height, width * channels)
        highest, lowest = (
            each.reshape(count, width, channels) for each in (lines.max(axis=1), lines.min(axis=1))
        )
        range_BC = highest.max(axis=1) - lowest.min(axis=1)
        blank_B: npt.NDArray[np.bool_] = (range_BC <= BLANK_RANGE).all(axis=1)
        return blank_B

    def make_thumbnails(self, rows_BHWC: Rows) -> npt.NDArray[np.float16]:
        """Return small grey images [B, T] with mean 0 and length 1; blank images are 0."""
        count, height, width, channels = rows_BHWC.shape
        lines = rows_BHWC.reshape(count, height, width * channels)
        small = _average(lines, axis=1).reshape(count, THUMBNAIL_SIDE, width, channels).sum(axis=3) / channels
        flat = _average(small, axis=2).reshape(count, -1)
        flat -= flat.mean(axis=1, keepdims=True)
        length = np.sqrt((flat**2).sum(axis=1, keepdims=True))
        thumbnails: npt.NDArray[np.float16] = (flat / np.maximum(length, 1.0)).astype(np.float16)
        return thumbnails

    def compare_thumbnails(self, one_PT: Likeness, other_PT: Likeness) -> Likeness:
        """Return the correlation of each pair [P], with one of them mirrored if that is higher."""
        mirrored = other_PT.reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)[:, :, ::-1].reshape(other_PT.shape)
        likeness_P: Likeness = np.maximum(np.vecdot(one_PT, other_PT), np.vecdot(one_PT, mirrored))
        return likeness_P

    def make_comparison(self, _: Inputs) -> Callable[[Rows, Rows], Likeness]:
        """Return the function that correlates pixels."""
        return correlate

    def make_points(self, inputs: Inputs, *, width: int) -> npt.NDArray[np.float16]:
        """Return pixels in [0, 1], averaged over squares so large that at most `width` values are left."""
        side = 1
        while math.prod(_count_squares(inputs.shape[1:], side)) > width:
            side += 1
        squares = _count_squares(inputs.shape[1:], side)
        points_NW = np.empty((len(inputs), math.prod(squares)), dtype=np.float16)
        for start in range(0, len(inputs), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            pixels: Likeness = np.asarray(inputs[block], dtype=np.float32) / np.float32(WHITE)
            for axis in (1, 2):
                pixels = _average_squares(pixels, side, axis=axis)
            points_NW[block] = pixels.reshape(len(pixels), -1)
        return points_NW

    def find_least_likeness(self, inputs: Inputs) -> float:
        """Return `LIKE`, or a higher likeness for images of few pixels."""
        pixels = math.prod(inputs.shape[1:3])
        return 1 - (1 - LIKE) * min(1.0, pixels / ENOUGH_PIXELS)


def _count_squares(shape: Sequence[int], side: int) -> tuple[int, int, int]:
    """Return height, width and channels of pictures [H, W, C] after averages over squares."""
    height, width, channels = shape
    return math.ceil(height / side), math.ceil(width / side), channels


def _average_squares(values: Likeness, side: int, *, axis: int) -> Likeness:
    """Return the means of every `side` values of an axis; the last ones may be fewer."""
    starts = np.arange(0, values.shape[axis], side)
    shape = [1] * values.ndim
    shape[axis] = len(starts)
    lengths = np.diff(starts, append=values.shape[axis]).astype(np.float32).reshape(shape)
    means: Likeness = (np.add.reduceat(values, starts, axis=axis) / lengths).astype(np.float32)
    return means


def _average(values: Rows, *, axis: int) -> Likeness:
    """Return the means of an axis's parts, one part per pixel of a thumbnail."""
    borders = np.arange(THUMBNAIL_SIDE + 1) * values.shape[axis] // THUMBNAIL_SIDE
    sums = np.add.reduceat(values, borders[:-1], axis=axis, dtype=np.float32)
    lengths = np.maximum(np.diff(borders), 1).astype(np.float32)
    means: Likeness = sums / np.expand_dims(lengths, 2 - axis)
    return means


def correlate(one_PHWC: Rows, other_PHWC: Rows) -> Likeness:
    """Return the correlation of each pair's pixels [P], with the other one mirrored if that is higher.

    The correlation with an image of one colour is 0.
    """
    count = len(one_PHWC)
    left, right, mirrored = (
        np.array(pixels, dtype=np.float32, order="C").reshape(count, -1)
        for pixels in (one_PHWC, other_PHWC, other_PHWC[:, :, ::-1])
    )
    mean = right.mean(1, keepdims=True)
    left -= left.mean(1, keepdims=True)
    right -= mean
    mirrored -= mean
    squares = np.vecdot(left, left) * np.vecdot(right, right)
    products = np.maximum(np.vecdot(left, right), np.vecdot(left, mirrored))
    correlation: Likeness = products / (np.sqrt(squares) + NOTHING)
    return correlation
