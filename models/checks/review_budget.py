"""How many wrong labels a review of the first samples of a ranking finds.

Shape suffixes: N samples in order of rank, B points of a curve.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CURVE_POINTS = 100
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
NOTHING = 1e-9
"""Expected counts below this are rounding errors."""

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The expected yield of a review of the ranking's first samples."""

    review_B: Index
    """Number of samples reviewed, the worst first; rises from 1 to N."""
    found_B: Floats
    """Expected number of wrong labels among them."""
    total: float
    """Expected number of all wrong labels."""


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


def describe_budget(error_probability_N: npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return the curve for JSON, with the number of samples to review for round shares of the errors."""
    curve = compute_budget(error_probability_N)
    return {
        "total": curve.total,
        "review": curve.review_B.tolist(),
        "expected_found": curve.found_B.tolist(),
        "to_find": [
            {
                "share": share,
                "review": count_reviews(error_probability_N, share),
                "found": share * curve.total,
            }
            for share in SHARES
        ],
    }
