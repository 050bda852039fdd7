"""Error probabilities of samples in sample, by those of a random part that is out of sample.

Shape suffixes: B samples of the part, R others.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

Floats = npt.NDArray[np.float64]


def transfer_by_rank(
    probability_B: Floats, score_B: npt.NDArray[np.floating], score_R: npt.NDArray[np.floating]
) -> Floats:
    """Return the error probabilities of the others [R]: those at the same place of the part's own ranking.

    Scores themselves are not compared: a network that learns a label gives it a better score than one that
    is blind to it. Both parts are random, so the likeliest tenth of one is wrong as often as that of the
    other, as far as both rankings are equally good.

    Args:
        probability_B: of the part.
        score_B: what ranks the part; high = bad.
        score_R: what ranks the others.

    """
    order_B, order_R = np.argsort(score_B, kind="stable"), np.argsort(score_R, kind="stable")
    rising_B = isotonic_regression(probability_B[order_B]).x
    moved_R = np.empty(len(score_R))
    moved_R[order_R] = np.interp(_middles(len(score_R)), _middles(len(score_B)), rising_B)
    return moved_R


def _middles(count: int) -> Floats:
    """Return the middles of so many equal parts of [0, 1]."""
    middles: Floats = (np.arange(count) + 0.5) / count
    return middles
