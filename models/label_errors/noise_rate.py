"""The share of wrong labels, estimated from a network's confident samples; correct labels are never used.

A weak network disagrees with right labels too, and a mixture of distances cannot separate its mistakes from
label errors. Where the network is most confident, it makes few mistakes, so a disagreement there is a wrong
label. On less confident samples, disagreement grows with both mistakes and errors. Human errors grew only up
to about the middle of the samples (docs/detection.md), so a weak network's disagreement counts only up to
there. Shape suffixes: N samples, G groups of equal size, the most confident first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.label_errors.label_error_constants import CONSTANTS, LabelErrorConstants
from models.training.classifier_weight import weigh_classifier

NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True)
class NoiseRate:
    """The share of wrong labels and its interval, all in [0, 1]."""

    centre: float
    low: float
    high: float


def estimate_from_mixture(
    mixture_rate: float,
    *,
    confidence_N: npt.NDArray[np.floating],
    disagrees_N: npt.NDArray[np.bool_],
    agreement_ratio: float | None = None,
    constants: LabelErrorConstants = CONSTANTS,
) -> NoiseRate:
    """Return the noise rate from the mixture or, for a weak network, from its most confident samples.

    Args:
        mixture_rate: share of wrong labels by a mixture of distances.
        confidence_N: probability of the suggested class minus that of the second, in [0, 1].
        disagrees_N: whether the suggested class differs from the given label.
        agreement_ratio: that of LIMIT's classifier, `TrainingResult.agreement_ratio`; None: the scoring
            network's, which is too low if that network has memorised labels and is confident of them.
        constants: the constants of the model of label errors.

    """
    disagreement_G = _measure_disagreement(confidence_N, disagrees_N, constants)
    if agreement_ratio is None:
        agreement_ratio = (1 - float(disagrees_N.mean())) / max(1 - float(disagreement_G[0]), 1e-9)
    weight, count = weigh_classifier(agreement_ratio), len(disagrees_N)
    low, centre, high = _bound_groups(disagreement_G, constants)
    strong = bound_mixture_rate(mixture_rate, sample_count=count, constants=constants)
    mixed = weight * strong.centre + (1 - weight) * centre
    return NoiseRate(
        centre=mixed,
        low=min(mixed, weight * strong.low + (1 - weight) * max(low - _compute_chance(low, count), 0)),
        high=max(mixed, weight * strong.high + (1 - weight) * min(high + _compute_chance(high, count), 1)),
    )


def estimate_from_posterior(
    posterior_rate: float,
    *,
    confidence_N: npt.NDArray[np.floating],
    disagrees_N: npt.NDArray[np.bool_],
    agreement_ratio: float,
    constants: LabelErrorConstants = CONSTANTS,
) -> NoiseRate:
    """Return the noise rate from a classifier's mean posterior and, if weak, its most confident samples.

    The most confident samples overcount errors of an even rate. The posterior undercounts errors on hard
    samples; for these the interval's upper end is higher.

    Args:
        posterior_rate: mean of `transitions.compute_error_posterior`.
        confidence_N: see `estimate_from_mixture`.
        disagrees_N: see `estimate_from_mixture`.
        agreement_ratio: see `estimate_from_mixture`.
        constants: the constants of the model of label errors.

    """
    groups_G = _measure_disagreement(confidence_N, disagrees_N, constants)
    low, middle, high = _bound_groups(groups_G, constants)
    share, factor = constants.posterior_share, constants.posterior_factor
    weak = share * posterior_rate + (1 - share) * middle
    weight, count = weigh_classifier(agreement_ratio), len(disagrees_N)
    learned = _compute_learned_factor(groups_G, constants)
    bounds = (
        weight * posterior_rate / factor + (1 - weight) * min(low, posterior_rate),
        factor * (weight * posterior_rate * learned + (1 - weight) * max(high, posterior_rate)),
    )
    return NoiseRate(
        centre=weight * posterior_rate + (1 - weight) * weak,
        low=max(0.0, bounds[0] - _compute_chance(bounds[0], count)),
        high=min(1.0, bounds[1] + _compute_chance(bounds[1], count)),
    )


def bound_mixture_rate(
    mixture_rate: float, *, sample_count: int, constants: LabelErrorConstants = CONSTANTS
) -> NoiseRate:
    """Return the noise rate from the mixture only."""
    chance = _compute_chance(mixture_rate, sample_count)
    return NoiseRate(
        centre=mixture_rate,
        low=max(0.0, constants.mixture_low * mixture_rate - chance),
        high=min(1.0, constants.mixture_high * mixture_rate + chance),
    )


def _measure_disagreement(
    confidence_N: npt.NDArray[np.floating], disagrees_N: npt.NDArray[np.bool_], constants: LabelErrorConstants
) -> npt.NDArray[np.float64]:
    """Return the share of disagreement in each group [G]."""
    order_N = np.argsort(-confidence_N, kind="stable")
    groups = np.array_split(disagrees_N[order_N], constants.confidence_groups)
    return np.array([group.mean() for group in groups if len(group)])


def _compute_learned_factor(disagreement_G: npt.NDArray[np.float64], constants: LabelErrorConstants) -> float:
    """Return the factor, 1 to `learned_factor`, by which there can be more errors than were counted.

    If the most confident samples have no disagreement and the others do, errors are on hard samples that look
    like their wrong labels; a classifier learns some of these as right labels.
    """
    evenness = disagreement_G[0] / max(float(disagreement_G.mean()), 1e-9)
    missing = 1 - np.clip(evenness / constants.even_disagreement, 0, 1)
    return float(1 + (constants.learned_factor - 1) * missing)


def _compute_chance(rate: float, sample_count: int) -> float:
    """Return the half width of the 95 % interval of a rate measured on a random sample."""
    return NORMAL_95 * float(np.sqrt(max(rate * (1 - rate), 0.0) / sample_count))


def _bound_groups(
    disagreement_G: npt.NDArray[np.float64], constants: LabelErrorConstants
) -> tuple[float, float, float]:
    """Return the bounded mean disagreement for the interval's lower end, its centre and its upper end."""
    places = (constants.low_groups, constants.centre_groups, constants.high_groups)
    low, centre, high = (_bound(disagreement_G, each) for each in places)
    return low, centre, high


def _bound(disagreement_G: npt.NDArray[np.float64], places: tuple[int, ...]) -> float:
    """Return the mean disagreement, with every group's limited to that of the groups at `places`."""
    last = len(disagreement_G) - 1
    bounds = [np.minimum(disagreement_G, disagreement_G[min(place, last)]).mean() for place in places]
    return float(np.mean(bounds))
