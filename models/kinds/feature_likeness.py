"""The likeness of two rows of features: 1 minus their root mean square difference in standard deviations.

Shape suffixes: N samples, B of a block, P pairs, D features.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.kinds.sample_arrays import Inputs

LIKE = 0.95
"""Near duplicates have at least this likeness."""
ROWS_MEASURED = 100_000
NOTHING = 1e-12
BLOCK_ROWS = 16_384
HIGHEST = float(np.finfo(np.float16).max)

Rows = npt.NDArray[Any]
Likeness = npt.NDArray[np.float32]


class FeatureLikeness:
    """See `ComparedKind`."""

    blank_detail = "no features"
    thumbnail_size = 0

    def find_blanks(self, rows_BD: Rows) -> npt.NDArray[np.bool_]:
        """Return False for all: a row of zeros is valid."""
        return np.zeros(len(rows_BD), dtype=np.bool_)

    def make_thumbnails(self, rows_BD: Rows) -> npt.NDArray[np.float16]:
        """Return empty thumbnails [B, 0]."""
        return np.empty((len(rows_BD), 0), dtype=np.float16)

    def compare_thumbnails(self, one_PT: Likeness, _: Likeness) -> Likeness:
        """Return 1 for all: no pair is excluded."""
        return np.ones(len(one_PT), dtype=np.float32)

    def make_comparison(self, inputs: Inputs) -> Callable[[Rows, Rows], Likeness]:
        """Return the function that compares rows; the deviations are measured once."""
        deviation_D = inputs[:: len(inputs) // ROWS_MEASURED + 1].std(0) + NOTHING

        def compare(one_PD: Rows, other_PD: Rows) -> Likeness:
            squares = ((one_PD - other_PD) / deviation_D) ** 2
            likeness_P: Likeness = np.maximum(1 - np.sqrt(squares.mean(1)), 0)
            return likeness_P

        return compare

    def make_points(self, inputs: Inputs, *, width: int) -> npt.NDArray[np.float16]:
        """Return standardised features; if there are more than `width`, random combinations of them.

        Distances between random projections are nearly those before (Johnson and Lindenstrauss, 1984).
        """
        measured_MD = np.asarray(inputs[:: len(inputs) // ROWS_MEASURED + 1], dtype=np.float64)
        mean_D, deviation_D = measured_MD.mean(0), measured_MD.std(0)
        scale_D = np.where(deviation_D > NOTHING, 1 / np.maximum(deviation_D, NOTHING), 0.0)
        count, features = inputs.shape
        is_wide = features > width
        projection_DW = np.random.default_rng(0).normal(size=(features, width)) / width**0.5
        points_NW = np.empty((count, min(width, features)), dtype=np.float16)
        for start in range(0, count, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            rows_BD = (inputs[block] - mean_D) * scale_D
            points_NW[block] = (rows_BD @ projection_DW if is_wide else rows_BD).clip(-HIGHEST, HIGHEST)
        return points_NW

    def find_least_likeness(self, _: Inputs) -> float:
        """Return the same value for all data."""
        return LIKE
