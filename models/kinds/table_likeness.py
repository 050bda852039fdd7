"""The likeness of two encoded rows of a table: 1 minus the largest difference of their values.

Shape suffixes: N samples, P pairs, D values.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.kinds.feature_likeness import BLOCK_ROWS, HIGHEST, FeatureLikeness
from models.kinds.sample_arrays import Inputs

Rows = npt.NDArray[Any]
Likeness = npt.NDArray[np.float32]


class TableLikeness(FeatureLikeness):
    """See `ComparedKind`; near duplicates have equal categories and numbers within .05 deviations."""

    blank_detail = "no values"

    def make_comparison(self, _: Inputs) -> Callable[[Rows, Rows], Likeness]:
        """Return the function that compares rows."""

        def compare(one_PD: Rows, other_PD: Rows) -> Likeness:
            likeness_P: Likeness = np.maximum(1 - np.abs(one_PD - other_PD).max(1), 0).astype(np.float32)
            return likeness_P

        return compare

    def make_points(self, inputs: Inputs, *, width: int) -> npt.NDArray[np.float16]:
        """Return the values; if there are more than `width`, random combinations of them."""
        count, values = inputs.shape
        is_wide = values > width
        projection_DW = np.random.default_rng(0).normal(size=(values, width)) / width**0.5
        points_NW = np.empty((count, min(width, values)), dtype=np.float16)
        for start in range(0, count, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            rows_BD = np.asarray(inputs[block])
            points_NW[block] = (rows_BD @ projection_DW if is_wide else rows_BD).clip(-HIGHEST, HIGHEST)
        return points_NW
