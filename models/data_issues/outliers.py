"""Outliers: samples whose nearest neighbours are far away, by the network's features.

Shape suffix: N samples.
"""

import numpy as np
import numpy.typing as npt

from models.data_issues.neighbours import Neighbours

FENCE = 3.0
"""An outlier lies more than this many interquartile ranges above the upper quartile (Tukey's "far out")."""
NOTHING = 1e-4
"""Distances below this count as equal."""


def measure_isolation(neighbours: Neighbours) -> npt.NDArray[np.float32]:
    """Return the mean cosine distance to the nearest neighbours [N], 0 to 2; high = isolated."""
    distance_N: npt.NDArray[np.float32] = (1 - neighbours.similarity_Nk).mean(axis=1)
    return distance_N.clip(0, 2)


def is_outlier(isolation_N: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which samples are outliers [N], by the logarithm of their isolation."""
    log_N = np.log(isolation_N + NOTHING)
    lower, upper = np.quantile(log_N, [0.25, 0.75])
    far_N: npt.NDArray[np.bool_] = log_N > upper + FENCE * (upper - lower)
    return far_N & (isolation_N > NOTHING)
