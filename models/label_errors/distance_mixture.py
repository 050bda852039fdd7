"""A mixture of two components: the distances of right labels and those of wrong labels (Fig. A3).

A distribution is fitted to each component. The upper component's part at a distance is the probability that a
label with this distance is wrong. A "share" is a distance over sqrt 2. Shape suffixes: N samples, G cells of
a grid over the distances.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.label_errors.label_error_constants import LabelErrorConstants
from models.paper.score_scale import MAXIMUM_DISTANCE

IMPOSSIBLE = -1e3
"""Logarithm of the wrong component's mass in cells where no label is wrong."""
ALPHA_MIN, BETA_MIN, BETA_MAX = 2.0, 0.05, 500.0
"""Bounds of the Beta distribution's parameters, which keep it finite."""

Floats = npt.NDArray[np.float64]
Component = Callable[[Floats, Floats, float, LabelErrorConstants], Floats]
"""Function of (share_G, weight_G, prior_weight, constants) that fits a distribution: returns log masses."""


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """The wrong component's part of every cell, and the fit's likelihood."""

    wrong_G: Floats
    log_likelihood: float


def fit_distance_mixture(
    distance_N: npt.NDArray[np.floating[Any]],
    disagrees_N: npt.NDArray[np.bool_],
    constants: LabelErrorConstants,
) -> Floats:
    """Return the probability that each label is wrong [N], by its distance.

    Args:
        distance_N: see `error_estimates.estimate_from_distances`.
        disagrees_N: see `error_estimates.estimate_from_distances`.
        constants: the constants of the model of label errors.

    Raises:
        ValueError: distances are not finite or out of range, or the lists differ in length.

    """
    _check(distance_N, disagrees_N)
    cells = constants.mixture_cells
    share_N = np.asarray(distance_N, dtype=np.float64) / MAXIMUM_DISTANCE
    cell_N = np.minimum((share_N * cells).astype(np.int64), cells - 1)
    count_G = np.bincount(cell_N, minlength=cells).astype(np.float64)
    disputed_G = np.bincount(cell_N[disagrees_N], minlength=cells).astype(np.float64)
    probability_G = _fit_best(count_G, _bound_by_disagreement(count_G, disputed_G), constants)
    # Linear interpolation between the cells' middles, so that the probability changes with every distance.
    return np.interp(share_N, _compute_middles(cells), probability_G)


def _check(distance_N: npt.NDArray[np.floating[Any]], disagrees_N: npt.NDArray[np.bool_]) -> None:
    if distance_N.ndim != 1 or len(distance_N) == 0:
        raise ValueError(f"Distances must be a list of one or more, not {list(distance_N.shape)}.")
    if disagrees_N.shape != distance_N.shape:
        raise ValueError(f"{len(distance_N)} distances and {len(disagrees_N)} disagreements do not match.")
    is_distance_N = np.isfinite(distance_N) & (distance_N >= 0) & (distance_N <= MAXIMUM_DISTANCE + 1e-4)
    if not is_distance_N.all():
        raise ValueError("Distances must be between 0 and the square root of 2.")


def _bound_by_disagreement(count_G: Floats, disputed_G: Floats) -> Floats:
    """Return the share of disputed labels around every cell, made to rise with the distance."""
    window = np.ones(len(count_G) // 32)
    disputed, count = (np.convolve(cells_G, window, mode="same") for cells_G in (disputed_G, count_G))
    # Cells without samples take the share of the cells below them.
    share_G: Floats = np.maximum.accumulate(np.where(count > 0, disputed / np.maximum(count, 1), 0))
    return share_G.clip(0, 1)


def _compute_middles(cells: int) -> Floats:
    return (np.arange(cells) + 0.5) / cells


def _fit_best(count_G: Floats, ceiling_G: Floats, constants: LabelErrorConstants) -> Floats:
    """Return the upper component's part of every cell, from the fit with the highest likelihood."""
    fits = [_fit(count_G, ceiling_G, fit_right, constants) for fit_right in (_fit_beta, _fit_long_tailed)]
    return max(fits, key=lambda fit: fit.log_likelihood).wrong_G


def _fit(count_G: Floats, ceiling_G: Floats, fit_right: Component, constants: LabelErrorConstants) -> _Fit:
    """Fit both components by expectation maximisation."""
    share_G = _compute_middles(len(count_G))
    wrong_G = np.minimum(compute_logistic(30.0 * (share_G - constants.disagreement_share)), ceiling_G)
    total = float(count_G.sum())
    prior_weight = constants.prior_share * total
    previous, log_likelihood = -1.0, -np.inf
    for _ in range(constants.mixture_rounds):
        wrong_count = float((count_G * wrong_G).sum())
        if abs(wrong_count - previous) < constants.mixture_converged * total:
            break
        previous = wrong_count
        rate = (wrong_count + 1) / (total + 2)
        right_G = fit_right(share_G, count_G * (1 - wrong_G), prior_weight, constants)
        right_G += np.log(1 - rate)
        upper_G = _fit_wrong(share_G, count_G * wrong_G, prior_weight, constants) + np.log(rate)
        log_likelihood = float((count_G * np.logaddexp(right_G, upper_G)).sum())
        wrong_G = np.minimum(
            _make_rising(share_G, compute_logistic(upper_G - right_G), constants.disagreement_share),
            ceiling_G,
        )
    return _Fit(wrong_G=wrong_G, log_likelihood=log_likelihood)


def _fit_long_tailed(
    share_G: Floats, weight_G: Floats, prior_weight: float, constants: LabelErrorConstants
) -> Floats:
    """Fit a Student t distribution to the log-odds of right labels' shares; return its log masses."""
    degrees = constants.tail_degrees
    odds_G = np.log(share_G / (1 - share_G))
    prior_mean = np.log(constants.right_prior_mean / (1 - constants.right_prior_mean))
    mean, variance = _combine_moments(odds_G, weight_G, prior_weight, (float(prior_mean), 1.0))
    log_tail_G = np.log1p((odds_G - mean) ** 2 / (variance * (degrees - 2)))
    return _normalise(-(degrees + 1) / 2 * log_tail_G - np.log(share_G * (1 - share_G)))


def _fit_beta(
    share_G: Floats, weight_G: Floats, prior_weight: float, constants: LabelErrorConstants
) -> Floats:
    """Fit a Beta distribution to the shares of right labels; return its log masses."""
    prior = (constants.right_prior_mean, constants.prior_variance)
    mean, variance = _combine_moments(share_G, weight_G, prior_weight, prior)
    return _compute_beta(share_G, mean, variance, alpha_min=BETA_MIN)


def _fit_wrong(
    share_G: Floats, weight_G: Floats, prior_weight: float, constants: LabelErrorConstants
) -> Floats:
    """Fit a Beta distribution on (`wrong_from`, 1) to the shares of wrong labels; return its log masses."""
    lowest = constants.wrong_from
    height_G = ((share_G - lowest) / (1 - lowest)).clip(1e-3)
    is_possible_G = share_G > lowest
    prior = (constants.wrong_prior_mean, constants.prior_variance)
    mean, variance = _combine_moments(height_G, weight_G * is_possible_G, prior_weight, prior)
    log_mass_G = _compute_beta(height_G, mean, variance, alpha_min=ALPHA_MIN)
    return _normalise(np.where(is_possible_G, log_mass_G, IMPOSSIBLE))


def _compute_beta(value_G: Floats, mean: float, variance: float, *, alpha_min: float) -> Floats:
    """Return the log masses of the Beta distribution with this mean and variance (method of moments)."""
    size = max(mean * (1 - mean) / variance - 1, BETA_MIN)
    alpha = float(np.clip(mean * size, alpha_min, BETA_MAX))
    beta = float(np.clip((1 - mean) * size, BETA_MIN, BETA_MAX))
    return _normalise((alpha - 1) * np.log(value_G) + (beta - 1) * np.log1p(-value_G))


def _combine_moments(
    value_G: Floats, weight_G: Floats, prior_weight: float, prior: tuple[float, float]
) -> tuple[float, float]:
    """Return mean and variance of the weighted cells together with a prior component."""
    prior_mean, prior_variance = prior
    total = weight_G.sum() + prior_weight
    mean = ((weight_G * value_G).sum() + prior_weight * prior_mean) / total
    spread = (weight_G * (value_G - mean) ** 2).sum()
    variance = (spread + prior_weight * (prior_variance + (prior_mean - mean) ** 2)) / total
    return float(mean), float(variance)


def _normalise(log_density_G: Floats) -> Floats:
    """Return logarithms of masses that sum to 1 over the cells."""
    highest = float(log_density_G.max())
    return log_density_G - highest - float(np.log(np.exp(log_density_G - highest).sum()))


def compute_logistic(log_odds_G: Floats) -> Floats:
    """Return the probabilities with these log-odds."""
    probability_G: Floats = 1.0 / (1.0 + np.exp(-np.clip(log_odds_G, -50, 50)))
    return probability_G


def _make_rising(share_G: Floats, wrong_G: Floats, disagreement_share: float) -> Floats:
    """Make the probability rise with the distance: a wide component must not win at the other's far end."""
    middle = int(np.searchsorted(share_G, disagreement_share))
    below_G = np.minimum.accumulate(wrong_G[:middle][::-1])[::-1]
    above_G = np.maximum.accumulate(wrong_G[middle:])
    return np.maximum.accumulate(np.concatenate([below_G, above_G]))
