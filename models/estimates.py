"""How many labels are wrong, and which, judged by the distances of one audit alone: no truth enters.

Right and wrong labels make two heaps of distances (Fig. A3). Two Beta distributions are fitted to them; the
share of the upper one at a distance is the probability that such a label is wrong.
Shape suffixes: N samples, G cells of a grid over the distances.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.limit import MAXIMUM_DISTANCE

CELLS = 512
ROUNDS = 300
CONVERGED = 1e-7
CUT = 0.5
"""Labels more probably wrong than right are called issues."""
DISAGREEMENT = 0.5
"""Share of the maximal distance at which a judge that wavers between two classes prefers neither."""
SHAPE_MIN, SHAPE_MAX = 0.05, 500.0
PRIOR_SHARE = 0.005
"""Weight of a heap's prior shape as a share of all samples: an empty heap has it, a narrow one gets tails."""
PRIOR_VARIANCE = 0.03

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one audit believes about its labels."""

    error_probability_N: npt.NDArray[np.float32]
    """Probability in [0, 1] that the given label is wrong; never falls as the distance rises; high = bad."""
    is_label_issue_N: npt.NDArray[np.bool_]
    """Whether the label is more probably wrong than right."""
    error_count: float
    """Expected number of wrong labels: the sum of the probabilities."""


@dataclass(frozen=True, kw_only=True)
class _Beta:
    """The shape of a Beta distribution on (0, 1)."""

    alpha: float
    beta: float

    def log_density(self, share_G: Floats) -> Floats:
        """Return the logarithm of the density up to a constant, which `_log_mass` sees to."""
        return (self.alpha - 1) * np.log(share_G) + (self.beta - 1) * np.log1p(-share_G)


def estimate(distance_N: npt.NDArray[np.floating[Any]]) -> Estimate:
    """Return error probabilities, automatic cut and number of errors.

    Args:
        distance_N: averaged distances in [0, sqrt 2], `Signals.distance_average`.

    Raises:
        ValueError: for distances that are not finite or out of their range.

    """
    distance_N = np.asarray(distance_N, dtype=np.float64)
    if distance_N.ndim != 1 or len(distance_N) == 0:
        raise ValueError(f"Distances are a list of one or more, not {list(distance_N.shape)}.")
    share_N = distance_N / MAXIMUM_DISTANCE
    if not (np.isfinite(share_N).all() and share_N.min() >= 0 and share_N.max() <= 1 + 1e-4):
        raise ValueError("Distances lie between 0 and the square root of 2.")
    cell_N = np.minimum((share_N * CELLS).astype(np.int64), CELLS - 1)
    probability_G = _wrong_probability(np.bincount(cell_N, minlength=CELLS).astype(np.float64))
    # Between the cells' middles the probability is a straight line, so that it follows every distance.
    probability_N = np.interp(share_N, _middles(), probability_G)
    return Estimate(
        error_probability_N=probability_N.astype(np.float32),
        is_label_issue_N=probability_N > CUT,
        error_count=float(probability_N.sum()),
    )


def _middles() -> Floats:
    return (np.arange(CELLS) + 0.5) / CELLS


def _wrong_probability(count_G: Floats) -> Floats:
    """Fit both heaps by expectation and maximisation; return the upper one's share of every cell."""
    share_G = _middles()
    wrong_G = 1.0 / (1.0 + np.exp(-30.0 * (share_G - DISAGREEMENT)))
    total = count_G.sum()
    prior_weight = PRIOR_SHARE * total
    rate = 0.0
    for _ in range(ROUNDS):
        previous, rate = rate, float((count_G * wrong_G).sum() / total)
        if abs(rate - previous) < CONVERGED:
            break
        right = _fitted(share_G, count_G * (1 - wrong_G), prior_weight=prior_weight, prior_mean=0.15)
        wrong = _fitted(share_G, count_G * wrong_G, prior_weight=prior_weight, prior_mean=0.85)
        rate = (rate * total + 1) / (total + 2)
        log_odds_G = _log_mass(wrong, share_G) - _log_mass(right, share_G) + np.log(rate / (1 - rate))
        wrong_G = 1.0 / (1.0 + np.exp(-np.clip(log_odds_G, -50, 50)))
        wrong_G = _rising(share_G, wrong_G)
    return wrong_G


def _log_mass(heap: _Beta, share_G: Floats) -> Floats:
    """Return the logarithm of the heap's share in every cell."""
    density_G = heap.log_density(share_G)
    highest = density_G.max()
    log_total = float(np.log(np.exp(density_G - highest).sum()))
    mass_G: Floats = density_G - highest - log_total
    return mass_G


def _fitted(share_G: Floats, weight_G: Floats, *, prior_weight: float, prior_mean: float) -> _Beta:
    """Return the Beta distribution with the weighted cells' mean and variance (method of moments)."""
    total = weight_G.sum() + prior_weight
    mean = ((weight_G * share_G).sum() + prior_weight * prior_mean) / total
    spread = (weight_G * (share_G - mean) ** 2).sum()
    prior_spread = prior_weight * (PRIOR_VARIANCE + (prior_mean - mean) ** 2)
    size = max(mean * (1 - mean) * total / (spread + prior_spread) - 1, SHAPE_MIN)
    return _Beta(
        alpha=float(np.clip(mean * size, SHAPE_MIN, SHAPE_MAX)),
        beta=float(np.clip((1 - mean) * size, SHAPE_MIN, SHAPE_MAX)),
    )


def _rising(share_G: Floats, wrong_G: Floats) -> Floats:
    """Make the probability rise with the distance: a wide heap must not claim the other one's far end."""
    middle = int(np.searchsorted(share_G, DISAGREEMENT))
    below_G = np.minimum.accumulate(wrong_G[:middle][::-1])[::-1]
    above_G = np.maximum.accumulate(wrong_G[middle:])
    return np.maximum.accumulate(np.concatenate([below_G, above_G]))
