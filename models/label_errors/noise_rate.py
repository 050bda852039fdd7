"""The share of wrong labels, from where a network is confident: no truth enters.

A weak network disagrees with right labels too, and a mixture of distances cannot tell its own mistakes from
those of the labels. Where it is most confident it makes hardly any, and every disagreement there is a wrong
label; towards samples it is less confident of, disagreement grows with both. Human errors grew only up to
about the middle (docs/detection.md): a weak network's disagreement counts up to its middle and no further.
Shape suffixes: N samples, G groups of equal size, the most confident first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.label_errors.label_error_constants import CONSTANTS, LabelErrorConstants
from models.training.classifier_weight import weigh_classifier

NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True)
class NoiseRate:
    """Share of wrong labels with an interval around it, all in [0, 1]."""

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
    """Return the noise rate: by the mixture or, of a weak network, by its most confident samples.

    Args:
        mixture_rate: share of wrong labels by a mixture of distances.
        confidence_N: probability of the suggested class less that of the second, in [0, 1].
        disagrees_N: whether the suggested class differs from the given label.
        agreement_ratio: of LIMIT's classifier, `TrainingResult.agreement_ratio`; None: that of the scoring
            network, which is too low where it has memorised labels and is confident of those.
        constants: of the model of label errors.

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
    """Return the noise rate by a classifier's mean posterior and, if it is weak, its most confident samples.

    Errors of an even rate are overcounted by the most confident samples, and errors that grow where a
    sample is hard are undercounted by the posterior: for these the interval reaches further up.

    Args:
        posterior_rate: mean of `transitions.compute_error_posterior`.
        confidence_N: see `estimate_from_mixture`.
        disagrees_N: see `estimate_from_mixture`.
        agreement_ratio: see `estimate_from_mixture`.
        constants: of the model of label errors.

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
    """Return the noise rate where nothing but the mixture is known, or needed."""
    chance = _compute_chance(mixture_rate, sample_count)
    return NoiseRate(
        centre=mixture_rate,
        low=max(0.0, constants.mixture_low * mixture_rate - chance),
        high=min(1.0, constants.mixture_high * mixture_rate + chance),
    )


def _measure_disagreement(
    confidence_N: npt.NDArray[np.floating], disagrees_N: npt.NDArray[np.bool_], constants: LabelErrorConstants
) -> npt.NDArray[np.float64]:
    """Return the share of disagreement of each group [G]."""
    order_N = np.argsort(-confidence_N, kind="stable")
    groups = np.array_split(disagrees_N[order_N], constants.confidence_groups)
    return np.array([group.mean() for group in groups if len(group)])


def _compute_learned_factor(disagreement_G: npt.NDArray[np.float64], constants: LabelErrorConstants) -> float:
    """Return how many times the counted errors there may be, 1 to `learned_factor`.

    Where the most confident samples are all labelled as they look and the others are not, errors sit on hard
    samples and look like their labels; a classifier learns some of them as if they were right.
    """
    evenness = disagreement_G[0] / max(float(disagreement_G.mean()), 1e-9)
    missing = 1 - np.clip(evenness / constants.even_disagreement, 0, 1)
    return float(1 + (constants.learned_factor - 1) * missing)


def _compute_chance(rate: float, sample_count: int) -> float:
    """Return how far a share of a random sample may lie from the truth, with 95 % probability."""
    return NORMAL_95 * float(np.sqrt(max(rate * (1 - rate), 0.0) / sample_count))


def _bound_groups(
    disagreement_G: npt.NDArray[np.float64], constants: LabelErrorConstants
) -> tuple[float, float, float]:
    """Return the mean disagreement, bounded for the interval's lower end, its centre and its upper end."""
    places = (constants.low_groups, constants.centre_groups, constants.high_groups)
    low, centre, high = (_bound(disagreement_G, each) for each in places)
    return low, centre, high


def _bound(disagreement_G: npt.NDArray[np.float64], places: tuple[int, ...]) -> float:
    """Return the mean disagreement where no group counts for more than those at `places`."""
    last = len(disagreement_G) - 1
    bounds = [np.minimum(disagreement_G, disagreement_G[min(place, last)]).mean() for place in places]
    return float(np.mean(bounds))
