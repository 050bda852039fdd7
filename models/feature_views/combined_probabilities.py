"""One opinion from several: the geometric mean of class probabilities.

Shape suffixes: N samples, K classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_PROBABILITY = 1e-6
"""As in `cross_fitting.ranking_evidence`: no opinion may rule a class out."""


def combine_probabilities(
    opinions: Sequence[npt.NDArray[np.floating[Any]]], weights: Sequence[float] | None = None
) -> npt.NDArray[np.float32]:
    """Return the geometric mean of class probabilities, scaled to sum to 1 [N, K].

    Log-odds are averaged, as a logarithmic opinion pool does (Genest and Zidek 1986): what all doubt is
    doubted, and the ranking by log-odds is the mean of theirs.

    Args:
        opinions: one or more arrays [N, K] whose rows sum to 1.
        weights: of each, above 0; None: alike.

    """
    if not opinions:
        raise ValueError("One or more arrays of probabilities are needed, not 0.")
    weights = [1.0] * len(opinions) if weights is None else weights
    log_NK = np.zeros(opinions[0].shape, dtype=np.float32)
    for opinion_NK, weight in zip(opinions, weights, strict=True):
        share = np.float32(weight / sum(weights))
        log_NK += share * np.log(np.asarray(opinion_NK, dtype=np.float32).clip(LEAST_PROBABILITY))
    log_NK -= log_NK.max(1, keepdims=True)
    product_NK = np.exp(log_NK)
    mean_NK: npt.NDArray[np.float32] = product_NK / product_NK.sum(1, keepdims=True)
    return mean_NK
