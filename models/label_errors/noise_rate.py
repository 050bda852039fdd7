"""The share of wrong labels, from where a network is sure: no truth enters.

A weak network disagrees with right labels too, and two heaps of distances cannot tell its own mistakes from
those of the labels. Where it is surest it makes hardly any, and every disagreement there is a wrong label;
towards samples it is less sure of, disagreement grows with both. Human errors grew only up to about the
middle (docs/detection.md): a weak network's disagreement counts up to its middle and no further.
Shape suffixes: N samples, G groups of equal size, the surest first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.training.competence import strength

GROUPS = 10
LOWEST, MIDDLE, HIGHEST = (0,), (3, 4), (GROUPS - 1,)
"""Groups whose disagreement bounds that of the less sure ones: for the lower bound, the centre, the upper.

At the upper end every disagreement is a wrong label: of people's it nearly was (docs/detection.md)."""
SPREAD_LOW, SPREAD_HIGH = 0.85, 1.1
"""Interval around a strong network's count, as seen on data with known errors."""
DOUBT_SHARE = 1 / 4
"""Of the mean doubt in a weak network's count; the other part is that of its surest samples."""
SPREAD_DOUBT = 1.15
"""Interval around a strong network's mean doubt, as a factor, as seen on data with known errors."""
EVEN = 1 / 4
"""Disagreement of the surest tenth over that of all: below, labels go wrong where samples are hard."""
LEARNED = 2.0
"""Times as many errors as are doubted, at most, where the surest tenth has none: others are learned."""
NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True)
class NoiseRate:
    """Share of wrong labels with the interval that is believed to hold it, all in [0, 1]."""

    centre: float
    low: float
    high: float


def judge(
    heap_rate: float,
    *,
    confidence_N: npt.NDArray[np.floating],
    disagrees_N: npt.NDArray[np.bool_],
    competence: float | None = None,
) -> NoiseRate:
    """Return the noise rate, by the heaps of a strong network and by the surest samples of a weak one.

    Args:
        heap_rate: share of wrong labels by two heaps of distances.
        confidence_N: probability of the judge's first choice less that of its second, in [0, 1].
        disagrees_N: whether that first choice differs from the given label.
        competence: of a classifier that never saw the labels, `TrainingResult.competence`; None: that of this
            judge, which is too low where it has memorised labels and is surest of those.

    """
    disagreement_G = _disagreement(confidence_N, disagrees_N)
    if competence is None:
        competence = (1 - float(disagrees_N.mean())) / max(1 - float(disagreement_G[0]), 1e-9)
    strong_share = strength(competence)
    low, centre, high = (_bounded(disagreement_G, places) for places in (LOWEST, MIDDLE, HIGHEST))
    strong = of_heaps(heap_rate, sample_count=len(disagrees_N))
    mixed = strong_share * strong.centre + (1 - strong_share) * centre
    return NoiseRate(
        centre=mixed,
        low=min(
            mixed,
            strong_share * strong.low + (1 - strong_share) * max(low - _chance(low, len(disagrees_N)), 0),
        ),
        high=max(
            mixed,
            strong_share * strong.high + (1 - strong_share) * min(high + _chance(high, len(disagrees_N)), 1),
        ),
    )


def of_doubts(
    doubt_rate: float,
    *,
    confidence_N: npt.NDArray[np.floating],
    disagrees_N: npt.NDArray[np.bool_],
    competence: float,
) -> NoiseRate:
    """Return the noise rate by a classifier's mean doubt, of a weak one with that where it is surest too.

    Errors of an even rate are overcounted by the surest samples, and errors that grow where a sample is hard
    are undercounted by the doubt: for these the interval reaches further up.

    Args:
        doubt_rate: mean of `transitions.doubt`.
        confidence_N: see `judge`.
        disagrees_N: see `judge`.
        competence: see `judge`.

    """
    groups_G = _disagreement(confidence_N, disagrees_N)
    low, middle, high = (_bounded(groups_G, places) for places in (LOWEST, MIDDLE, HIGHEST))
    weak = DOUBT_SHARE * doubt_rate + (1 - DOUBT_SHARE) * middle
    share, count = strength(competence), len(disagrees_N)
    bounds = (
        share * doubt_rate / SPREAD_DOUBT + (1 - share) * min(low, doubt_rate),
        SPREAD_DOUBT * (share * doubt_rate * _learned(groups_G) + (1 - share) * max(high, doubt_rate)),
    )
    return NoiseRate(
        centre=share * doubt_rate + (1 - share) * weak,
        low=max(0.0, bounds[0] - _chance(bounds[0], count)),
        high=min(1.0, bounds[1] + _chance(bounds[1], count)),
    )


def of_heaps(heap_rate: float, *, sample_count: int) -> NoiseRate:
    """Return the noise rate where nothing but the two heaps is known, or needed."""
    chance = _chance(heap_rate, sample_count)
    return NoiseRate(
        centre=heap_rate,
        low=max(0.0, SPREAD_LOW * heap_rate - chance),
        high=min(1.0, SPREAD_HIGH * heap_rate + chance),
    )


def _disagreement(
    confidence_N: npt.NDArray[np.floating], disagrees_N: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the share of disagreement of each group [G]."""
    order_N = np.argsort(-confidence_N, kind="stable")
    groups = [group for group in np.array_split(disagrees_N[order_N], GROUPS) if len(group)]
    return np.array([group.mean() for group in groups])


def _learned(disagreement_G: npt.NDArray[np.float64]) -> float:
    """Return how many times the doubted errors there may be, 1 to LEARNED.

    Where the surest samples are all labelled as they look and the others are not, errors sit on hard samples
    and look like their labels; a classifier learns some of them as if they were right.
    """
    evenness = disagreement_G[0] / max(float(disagreement_G.mean()), 1e-9)
    return float(1 + (LEARNED - 1) * (1 - np.clip(evenness / EVEN, 0, 1)))


def _chance(rate: float, sample_count: int) -> float:
    """Return how far a share of a random sample may lie from the truth, with 95 % probability."""
    return NORMAL_95 * float(np.sqrt(max(rate * (1 - rate), 0.0) / sample_count))


def _bounded(disagreement_G: npt.NDArray[np.float64], places: tuple[int, ...]) -> float:
    """Return the mean disagreement where no group counts for more than those at `places`."""
    last = len(disagreement_G) - 1
    bounds = [np.minimum(disagreement_G, disagreement_G[min(place, last)]).mean() for place in places]
    return float(np.mean(bounds))
