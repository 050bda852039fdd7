"""Probabilities, cut and number of wrong labels, from a classifier's posterior or only from distances.

Correct labels are never used. Shape suffix: N samples.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from models.label_errors import noise_rate
from models.label_errors.distance_mixture import compute_logistic, fit_distance_mixture
from models.label_errors.label_error_constants import CONSTANTS, LabelErrorConstants
from models.label_errors.noise_rate import NoiseRate
from models.training.classifier_weight import weigh_classifier

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CLIPPED = (0.004, 0.996)
"""Probabilities are clipped to this range before their mean is changed, so that their odds are finite."""
SAME_MEAN = 1e-6
FACTOR_LOG_MAX, BISECTIONS = 20.0, 50
"""Range and steps of the search for the factor on the odds that gives the probabilities another mean."""


@dataclass(frozen=True, kw_only=True)
class LabelErrorEstimate:
    """An audit's estimate of its label errors."""

    error_probability_N: npt.NDArray[np.float32]
    """Posterior probability in [0, 1] that the given label is wrong; high = bad."""
    is_label_issue_N: Mask
    """Whether another class is suggested and the error probability is above the cut."""
    error_count: float
    """Expected number of wrong labels: the sum of the probabilities."""
    error_count_interval: tuple[float, float]
    """Least and largest estimate of the number of wrong labels; see `noise_rate`."""


def estimate_from_distances(
    distance_N: npt.NDArray[np.floating[Any]],
    *,
    disagrees_N: Mask | None = None,
    confidence_N: npt.NDArray[np.floating[Any]] | None = None,
    agreement_ratio: float | None = None,
    constants: LabelErrorConstants = CONSTANTS,
) -> LabelErrorEstimate:
    """Return the estimate from a mixture of two components, the distances of right and of wrong labels.

    Args:
        distance_N: averaged distances in [0, sqrt 2], `Signals.distance_average`.
        disagrees_N: whether the suggested label differs from the given one. A label that the scoring network
            suggests is no error, so there are at most as many errors as disagreements. Pass it if it is
            known: on hard data, distances without it can mislead.
        confidence_N: probability of the suggested label minus that of the second, in [0, 1]. With it, a weak
            network's errors are counted where it is confident; see `noise_rate`.
        agreement_ratio: see `TrainingResult`; None: the scoring network's ratio is used.
        constants: the constants of the model of label errors.

    Raises:
        ValueError: distances are not finite or out of range, or the lists differ in length.

    """
    disagrees_N = np.ones(distance_N.shape, dtype=np.bool_) if disagrees_N is None else disagrees_N
    probability_N = fit_distance_mixture(distance_N, disagrees_N, constants)
    mixture_rate = float(probability_N.mean())
    rate = (
        noise_rate.bound_mixture_rate(mixture_rate, sample_count=len(probability_N), constants=constants)
        if confidence_N is None
        else noise_rate.estimate_from_mixture(
            mixture_rate,
            confidence_N=confidence_N,
            disagrees_N=disagrees_N,
            agreement_ratio=agreement_ratio,
            constants=constants,
        )
    )
    return _scale_to_rate(probability_N, rate, disagrees_N, constants)


def estimate_from_posterior(
    posterior_N: npt.NDArray[np.floating[Any]],
    *,
    score_N: npt.NDArray[np.floating[Any]],
    disagrees_N: Mask,
    confidence_N: npt.NDArray[np.floating[Any]],
    agreement_ratio: float,
    constants: LabelErrorConstants = CONSTANTS,
) -> LabelErrorEstimate:
    """Return the estimate from the posterior of LIMIT's classifier.

    Args:
        posterior_N: the result of `transitions.compute_error_posterior`.
        score_N: the score that ranks; high = bad.
        disagrees_N: see `estimate_from_distances`.
        confidence_N: see `estimate_from_distances`.
        agreement_ratio: see `TrainingResult`.
        constants: the constants of the model of label errors.

    """
    posterior_N = np.asarray(posterior_N, dtype=np.float64)
    rate = noise_rate.estimate_from_posterior(
        float(posterior_N.mean()),
        confidence_N=confidence_N,
        disagrees_N=disagrees_N,
        agreement_ratio=agreement_ratio,
        constants=constants,
    )
    # A weak classifier's posterior gives the share of errors at a score, and the score orders the samples.
    order_N = np.argsort(score_N, kind="stable")
    rising_N = np.empty_like(posterior_N)
    rising_N[order_N] = isotonic_regression(posterior_N[order_N]).x
    weight = weigh_classifier(agreement_ratio)
    return _scale_to_rate(weight * posterior_N + (1 - weight) * rising_N, rate, disagrees_N, constants)


def _scale_to_rate(
    probability_N: Floats, rate: NoiseRate, disagrees_N: Mask, constants: LabelErrorConstants
) -> LabelErrorEstimate:
    """Return the estimate with these probabilities, scaled to the noise rate."""
    probability_N = _change_mean(probability_N, rate.centre)
    return LabelErrorEstimate(
        error_probability_N=probability_N.astype(np.float32),
        is_label_issue_N=(probability_N > constants.cut) & disagrees_N,
        error_count=float(probability_N.sum()),
        error_count_interval=(rate.low * len(probability_N), rate.high * len(probability_N)),
    )


def _change_mean(probability_N: Floats, mean: float) -> Floats:
    """Return the probabilities with their odds multiplied by one factor, so that they have this mean."""
    if abs(mean - probability_N.mean()) < SAME_MEAN:
        return probability_N
    log_odds_N = np.log(probability_N.clip(*CLIPPED) / (1 - probability_N.clip(*CLIPPED)))
    least, most = -FACTOR_LOG_MAX, FACTOR_LOG_MAX
    for _ in range(BISECTIONS):
        factor_log = (least + most) / 2
        is_low = compute_logistic(log_odds_N + factor_log).mean() < mean
        least, most = (factor_log, most) if is_low else (least, factor_log)
    return compute_logistic(log_odds_N + factor_log)
