"""The likeness of two texts: twice the sequences of three characters that both have, over those of each.

Case and the number of blanks do not count. Of texts with more different sequences than a sketch holds it is
an estimate, with a standard error of at most .06.

Shape suffixes: N samples, B of a block, P pairs, W stored values, S hashes of a sketch, D reduced values.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.catalogue.kinds import SIGNATURE
from models.kinds.feature_likeness import BLOCK_ROWS, FeatureLikeness
from models.kinds.sample_arrays import Inputs

LIKE = 0.93
"""Near duplicates have at least this likeness: one letter in 50 differs."""
HASH_WORDS = 4
NOTHING = np.uint32(0xFFFFFFFF)

Rows = npt.NDArray[Any]
Likeness = npt.NDArray[np.float32]


class TextLikeness(FeatureLikeness):
    """See `ComparedKind`."""

    blank_detail = "no word that another text has, too"

    def find_blanks(self, rows_BW: Rows) -> npt.NDArray[np.bool_]:
        """Return which texts have no term of the vocabulary."""
        return ~np.asarray(rows_BW[:, :-SIGNATURE].any(axis=1), dtype=np.bool_)

    def make_comparison(self, _: Inputs) -> Callable[[Rows, Rows], Likeness]:
        """Return the function that compares rows."""
        return compare_sketches

    def make_points(self, inputs: Inputs, *, width: int) -> npt.NDArray[np.float16]:
        """Return the reduced values; if there are more than `width`, the first ones, which vary most."""
        points_NW = np.empty((len(inputs), min(width, inputs.shape[1] - SIGNATURE)), np.float16)
        for start in range(0, len(inputs), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            points_NW[block] = np.ascontiguousarray(inputs[block, : points_NW.shape[1]]).view(np.float16)
        return points_NW

    def find_least_likeness(self, _: Inputs) -> float:
        """Return the same value for all data."""
        return LIKE


def compare_sketches(one_PW: Rows, other_PW: Rows) -> Likeness:
    """Return the likeness of every pair, 0 to 1; 1 for equal texts."""
    one_PS, other_PS = (
        np.ascontiguousarray(rows[:, HASH_WORDS - SIGNATURE :]).view(np.uint32) for rows in (one_PW, other_PW)
    )
    size = one_PS.shape[1]
    both = np.sort(np.concatenate([one_PS, other_PS], axis=1), axis=1)
    is_real = both != NOTHING
    is_repeated = np.zeros_like(is_real)
    is_repeated[:, 1:] = (both[:, 1:] == both[:, :-1]) & is_real[:, 1:]
    # The smallest hashes of the union are a sample of it; those that both have are counted among them.
    is_sampled = np.cumsum(is_real & ~is_repeated, axis=1) <= size
    union_P = (is_real & ~is_repeated & is_sampled).sum(1)
    shared_P = (is_repeated & is_sampled).sum(1)
    jaccard_P = np.where(union_P > 0, shared_P / np.maximum(union_P, 1), 0)
    same_P = (
        one_PW[:, -SIGNATURE : HASH_WORDS - SIGNATURE] == other_PW[:, -SIGNATURE : HASH_WORDS - SIGNATURE]
    ).all(1)
    likeness_P: Likeness = np.where(same_P, 1, 2 * jaccard_P / (1 + jaccard_P)).astype(np.float32)
    return likeness_P
