"""The health of every class's labels.

Shape suffix: K classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NOTHING = 1e-9
"""Expected counts below this are rounding errors; a class with less has no figures."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClassHealth:
    """Figures of every class, each in [0, 1]; not a number for classes without samples."""

    noise_rate_K: Floats
    """Share of wrong labels among the samples with this given class; high = bad."""
    missed_rate_K: Floats
    """Share of samples with another given class among the samples of this true class; high = bad."""
    health_K: Floats
    """Right labels of the class over the samples of which it is the true or the given class; 1 = good."""


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


def _divide(part: Floats, whole: Floats) -> Floats:
    """Return part / whole within [0, 1]; not a number if the whole is 0."""
    share: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > NOTHING)
    return share.clip(0, 1)
