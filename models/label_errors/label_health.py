"""The health of every class's labels, and the expected yield of a review.

Shape suffixes: N samples, K classes, B points of a curve.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CURVE_POINTS = 100
NOTHING = 1e-9
"""Expected counts below this are rounding errors; a class with less has no figures."""

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassHealth:
    """Figures of every class, each in [0, 1]; not a number for classes without samples."""

    noise_rate_K: Floats
    """Share of wrong labels among the samples with this given class; high = bad."""
    missed_rate_K: Floats
    """Share of samples with another given class among the samples of this true class; high = bad."""
    health_K: Floats
    """Right labels of the class over the samples of which it is the true or the given class; 1 = good."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The expected yield of a review of the ranking's first samples."""

    review_B: Index
    """Number of samples reviewed, the worst first; rises from 1 to N."""
    found_B: Floats
    """Expected number of wrong labels among them."""
    total: float
    """Expected number of all wrong labels."""


def measure_class_health(joint_KK: Floats) -> ClassHealth:
    """Return the health of every class's labels.

    Args:
        joint_KK: expected counts of samples of class k (row) that were given class y (column).

    """
    right_K, true_K, given_K = np.diag(joint_KK), joint_KK.sum(1), joint_KK.sum(0)
    return ClassHealth(
        noise_rate_K=1 - _divide(right_K, given_K),
        missed_rate_K=1 - _divide(right_K, true_K),
        health_K=_divide(right_K, true_K + given_K - right_K),
    )


def compute_budget(error_probability_N: npt.NDArray[np.floating[Any]]) -> Budget:
    """Return the expected yield of a review, from the error probabilities in order of rank."""
    cumulated_N = np.cumsum(error_probability_N, dtype=np.float64)
    count = len(cumulated_N)
    review_B = np.unique(np.geomspace(1, count, CURVE_POINTS).round().astype(np.int64))
    return Budget(review_B=review_B, found_B=cumulated_N[review_B - 1], total=float(cumulated_N[-1]))


def count_reviews(error_probability_N: npt.NDArray[np.floating[Any]], share: float) -> int:
    """Return how many of the first samples contain this share of the expected errors.

    Args:
        error_probability_N: probabilities in order of rank.
        share: share of all expected errors, in [0, 1].

    """
    cumulated_N = np.cumsum(error_probability_N, dtype=np.float64)
    if cumulated_N[-1] <= NOTHING:
        return 0
    target = share * cumulated_N[-1] * (1 - NOTHING)  # sums of the same numbers differ in their last bits
    return int(np.searchsorted(cumulated_N, target)) + 1


def _divide(part: Floats, whole: Floats) -> Floats:
    """Return part / whole within [0, 1]; not a number if the whole is 0."""
    share: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > NOTHING)
    return share.clip(0, 1)
