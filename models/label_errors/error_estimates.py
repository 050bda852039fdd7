"""How many labels are wrong, and which, judged by the distances of one audit alone: no truth enters.

Right and wrong labels make two heaps of distances (Fig. A3). A distribution is fitted to each; the upper
one's part at a distance is the probability that such a label is wrong. A "share" is a distance over sqrt 2.
Shape suffixes: N samples, G cells of a grid over the distances.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from models.label_errors import noise_rate
from models.paper.score_scale import MAXIMUM_DISTANCE
from models.training.competence import strength

CELLS = 512
ROUNDS = 300
CONVERGED = 1e-7
CUT = 0.25
"""Least probability of an issue: half of an F1 of 0.5, since F1 is best cut at half of what it comes to."""
DISAGREEMENT = 0.5
"""Share of the maximal distance at which a judge that wavers between two classes prefers neither."""
TAIL_DEGREES = 4
"""Degrees of freedom of the t distribution, for right labels among which hard samples make a long tail."""
WRONG_FROM = 0.35
"""Share below which no label is wrong: there the judge clearly prefers the given label to any other."""
IMPOSSIBLE = -1e3
SURE = (0.004, 0.996)
"""Probabilities are never surer than this once their mean is changed."""
SAME_MEAN = 1e-6
FACTOR_LOG_MAX, BISECTIONS = 20.0, 50
ALPHA_MIN, BETA_MIN, BETA_MAX = 2.0, 0.05, 500.0
PRIOR_SHARE = 0.005
"""Weight of a heap's prior shape as a share of all samples: an empty heap has it, a narrow one gets tails."""
RIGHT_PRIOR_MEAN, WRONG_PRIOR_MEAN, PRIOR_VARIANCE = 0.15, 0.85, 0.03

Floats = npt.NDArray[np.float64]


Heap = Callable[[Floats, Floats, float], Floats]
"""Fits a distribution to (share_G, weight_G, prior_weight); returns the logarithms of its cells' masses."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one audit believes about its labels."""

    error_probability_N: npt.NDArray[np.float32]
    """Probability in [0, 1] that the given label is wrong; high = bad."""
    is_label_issue_N: npt.NDArray[np.bool_]
    """Whether the label is not the judge's own choice, and wrong with a probability above `CUT`."""
    error_count: float
    """Expected number of wrong labels: the sum of the probabilities."""
    error_count_interval: tuple[float, float]
    """Least and largest number of wrong labels that is believed possible; see `noise_rate`."""


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Two heaps and how well they explain the distances."""

    wrong_G: Floats
    log_likelihood: float


def estimate(
    distance_N: npt.NDArray[np.floating[Any]],
    *,
    disagrees_N: npt.NDArray[np.bool_] | None = None,
    confidence_N: npt.NDArray[np.floating[Any]] | None = None,
    competence: float | None = None,
) -> Estimate:
    """Return error probabilities, automatic cut and number of errors, by two heaps of distances.

    Args:
        distance_N: averaged distances in [0, sqrt 2], `Signals.distance_average`.
        disagrees_N: whether the suggested label differs from the given one. A label that the judge itself
            suggests is no issue, so no more errors are found than there are disagreements. Give it wherever
            it is known: where the data are hard, the heaps of distances alone can mislead.
        confidence_N: probability of the suggested label less that of the second, in [0, 1]. With it the
            errors of a network that knows its data badly are counted where it is sure; see `noise_rate`.
        competence: how well the network knows its data, where the training told it.

    Raises:
        ValueError: for distances that are not finite or out of their range, and for lists of two lengths.

    """
    disagrees_N = np.ones(distance_N.shape, dtype=np.bool_) if disagrees_N is None else disagrees_N
    _check(distance_N, disagrees_N)
    share_N = np.asarray(distance_N, dtype=np.float64) / MAXIMUM_DISTANCE
    cell_N = np.minimum((share_N * CELLS).astype(np.int64), CELLS - 1)
    count_G = np.bincount(cell_N, minlength=CELLS).astype(np.float64)
    disputed_G = np.bincount(cell_N[disagrees_N], minlength=CELLS).astype(np.float64)
    probability_G = _wrong_probability(count_G, _ceiling(count_G, disputed_G))
    # Between the cells' middles the probability is a straight line, so that it follows every distance.
    probability_N = np.interp(share_N, _middles(), probability_G)
    heap_rate = float(probability_N.mean())
    rate = (
        noise_rate.of_heaps(heap_rate, sample_count=len(probability_N))
        if confidence_N is None
        else noise_rate.judge(
            heap_rate, confidence_N=confidence_N, disagrees_N=disagrees_N, competence=competence
        )
    )
    return _believed(probability_N, rate, disagrees_N)


def of_doubts(
    doubt_N: npt.NDArray[np.floating[Any]],
    *,
    score_N: npt.NDArray[np.floating[Any]],
    disagrees_N: npt.NDArray[np.bool_],
    confidence_N: npt.NDArray[np.floating[Any]],
    competence: float,
) -> Estimate:
    """Return the like, by what a classifier doubts that saw no label.

    Args:
        doubt_N: `transitions.doubt`.
        score_N: what ranks; high = bad.
        disagrees_N: see `estimate`.
        confidence_N: see `estimate`.
        competence: see `estimate`.

    """
    doubt_N = np.asarray(doubt_N, dtype=np.float64)
    rate = noise_rate.of_doubts(
        float(doubt_N.mean()), confidence_N=confidence_N, disagrees_N=disagrees_N, competence=competence
    )
    # A weak classifier's doubts say how many are wrong at a score, and the score says which.
    order_N = np.argsort(score_N, kind="stable")
    rising_N = np.empty_like(doubt_N)
    rising_N[order_N] = isotonic_regression(doubt_N[order_N]).x
    strong = strength(competence)
    return _believed(strong * doubt_N + (1 - strong) * rising_N, rate, disagrees_N)


def _believed(
    probability_N: Floats, rate: noise_rate.NoiseRate, disagrees_N: npt.NDArray[np.bool_]
) -> Estimate:
    """Return the estimate with these probabilities, scaled to the noise rate."""
    probability_N = _with_mean(probability_N, rate.centre)
    return Estimate(
        error_probability_N=probability_N.astype(np.float32),
        is_label_issue_N=(probability_N > CUT) & disagrees_N,
        error_count=float(probability_N.sum()),
        error_count_interval=(rate.low * len(probability_N), rate.high * len(probability_N)),
    )


def _with_mean(probability_N: Floats, mean: float) -> Floats:
    """Return the probabilities with their odds changed by one factor, so that they have this mean."""
    if abs(mean - probability_N.mean()) < SAME_MEAN:
        return probability_N
    log_odds_N = np.log(probability_N.clip(*SURE) / (1 - probability_N.clip(*SURE)))
    least, most = -FACTOR_LOG_MAX, FACTOR_LOG_MAX
    for _ in range(BISECTIONS):
        factor_log = (least + most) / 2
        is_low = _logistic(log_odds_N + factor_log).mean() < mean
        least, most = (factor_log, most) if is_low else (least, factor_log)
    return _logistic(log_odds_N + factor_log)


def _check(distance_N: npt.NDArray[np.floating[Any]], disagrees_N: npt.NDArray[np.bool_]) -> None:
    if distance_N.ndim != 1 or len(distance_N) == 0:
        raise ValueError(f"Distances are a list of one or more, not {list(distance_N.shape)}.")
    if disagrees_N.shape != distance_N.shape:
        raise ValueError(f"{len(distance_N)} distances and {len(disagrees_N)} disagreements do not match.")
    is_distance_N = np.isfinite(distance_N) & (distance_N >= 0) & (distance_N <= MAXIMUM_DISTANCE + 1e-4)
    if not is_distance_N.all():
        raise ValueError("Distances lie between 0 and the square root of 2.")


def _ceiling(count_G: Floats, disputed_G: Floats) -> Floats:
    """Return the share of disputed labels around every cell, rising with the distance."""
    window = np.ones(CELLS // 32)
    disputed, count = (np.convolve(cells_G, window, mode="same") for cells_G in (disputed_G, count_G))
    # Cells without samples take the share of those below them.
    share_G: Floats = np.maximum.accumulate(np.where(count > 0, disputed / np.maximum(count, 1), 0))
    return share_G.clip(0, 1)


def _middles() -> Floats:
    return (np.arange(CELLS) + 0.5) / CELLS


def _wrong_probability(count_G: Floats, ceiling_G: Floats) -> Floats:
    """Return the upper heap's part of every cell, from the fit whose tail explains the distances best."""
    fits = [
        _fit(count_G, ceiling_G, right_log_mass) for right_log_mass in (_beta_log_mass, _long_tailed_log_mass)
    ]
    return max(fits, key=lambda fit: fit.log_likelihood).wrong_G


def _fit(count_G: Floats, ceiling_G: Floats, right_log_mass: Heap) -> _Fit:
    """Fit both heaps by expectation and maximisation."""
    share_G = _middles()
    wrong_G = np.minimum(_logistic(30.0 * (share_G - DISAGREEMENT)), ceiling_G)
    total = float(count_G.sum())
    previous, log_likelihood = -1.0, -np.inf
    for _ in range(ROUNDS):
        wrong_count = float((count_G * wrong_G).sum())
        if abs(wrong_count - previous) < CONVERGED * total:
            break
        previous = wrong_count
        rate = (wrong_count + 1) / (total + 2)
        right_G = right_log_mass(share_G, count_G * (1 - wrong_G), PRIOR_SHARE * total)
        right_G += np.log(1 - rate)
        upper_G = _wrong_log_mass(share_G, count_G * wrong_G, PRIOR_SHARE * total) + np.log(rate)
        log_likelihood = float((count_G * np.logaddexp(right_G, upper_G)).sum())
        wrong_G = np.minimum(_rising(share_G, _logistic(upper_G - right_G)), ceiling_G)
    return _Fit(wrong_G=wrong_G, log_likelihood=log_likelihood)


def _long_tailed_log_mass(share_G: Floats, weight_G: Floats, prior_weight: float) -> Floats:
    """Fit a Student t distribution to the log-odds of the shares; return its logarithm in every cell."""
    odds_G = np.log(share_G / (1 - share_G))
    prior_mean = np.log(RIGHT_PRIOR_MEAN / (1 - RIGHT_PRIOR_MEAN))
    mean, variance = _moments(odds_G, weight_G, prior_weight, (float(prior_mean), 1.0))
    log_tail_G = np.log1p((odds_G - mean) ** 2 / (variance * (TAIL_DEGREES - 2)))
    return _normalised(-(TAIL_DEGREES + 1) / 2 * log_tail_G - np.log(share_G * (1 - share_G)))


def _beta_log_mass(share_G: Floats, weight_G: Floats, prior_weight: float) -> Floats:
    """Fit a Beta distribution to the shares of right labels; return its logarithm in every cell."""
    mean, variance = _moments(share_G, weight_G, prior_weight, (RIGHT_PRIOR_MEAN, PRIOR_VARIANCE))
    return _beta(share_G, mean, variance, alpha_min=BETA_MIN)


def _wrong_log_mass(share_G: Floats, weight_G: Floats, prior_weight: float) -> Floats:
    """Fit a Beta distribution on (WRONG_FROM, 1) to those of wrong ones; return the like."""
    height_G = ((share_G - WRONG_FROM) / (1 - WRONG_FROM)).clip(1e-3)
    is_possible_G = share_G > WRONG_FROM
    prior = (WRONG_PRIOR_MEAN, PRIOR_VARIANCE)
    mean, variance = _moments(height_G, weight_G * is_possible_G, prior_weight, prior)
    log_mass_G = _beta(height_G, mean, variance, alpha_min=ALPHA_MIN)
    return _normalised(np.where(is_possible_G, log_mass_G, IMPOSSIBLE))


def _beta(value_G: Floats, mean: float, variance: float, *, alpha_min: float) -> Floats:
    """Return the logarithms of the Beta distribution with this mean and variance (method of moments)."""
    size = max(mean * (1 - mean) / variance - 1, BETA_MIN)
    alpha = float(np.clip(mean * size, alpha_min, BETA_MAX))
    beta = float(np.clip((1 - mean) * size, BETA_MIN, BETA_MAX))
    return _normalised((alpha - 1) * np.log(value_G) + (beta - 1) * np.log1p(-value_G))


def _moments(
    value_G: Floats, weight_G: Floats, prior_weight: float, prior: tuple[float, float]
) -> tuple[float, float]:
    """Return mean and variance of the weighted cells joined by a prior heap of given mean and variance."""
    prior_mean, prior_variance = prior
    total = weight_G.sum() + prior_weight
    mean = ((weight_G * value_G).sum() + prior_weight * prior_mean) / total
    spread = (weight_G * (value_G - mean) ** 2).sum()
    variance = (spread + prior_weight * (prior_variance + (prior_mean - mean) ** 2)) / total
    return float(mean), float(variance)


def _normalised(log_density_G: Floats) -> Floats:
    """Return logarithms of masses that sum to 1 over the cells."""
    highest = float(log_density_G.max())
    return log_density_G - highest - float(np.log(np.exp(log_density_G - highest).sum()))


def _logistic(log_odds_G: Floats) -> Floats:
    probability_G: Floats = 1.0 / (1.0 + np.exp(-np.clip(log_odds_G, -50, 50)))
    return probability_G


def _rising(share_G: Floats, wrong_G: Floats) -> Floats:
    """Make the probability rise with the distance: a wide heap must not claim the other one's far end."""
    middle = int(np.searchsorted(share_G, DISAGREEMENT))
    below_G = np.minimum.accumulate(wrong_G[:middle][::-1])[::-1]
    above_G = np.maximum.accumulate(wrong_G[middle:])
    return np.maximum.accumulate(np.concatenate([below_G, above_G]))
