"""The scores that can order a ranking, one class each; high = the label is probably wrong.

A training, the check for a stable ranking, the provisional ranking and the final one all use the same object.
Signals are passed by their names in `models.training.signals.Signals`, as arrays or, during a training, as
tensors on its device. Shape suffix: N samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from models.paper.score_scale import MAXIMUM_DISTANCE

Floats32 = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]
Arrays = Mapping[str, npt.NDArray[Any]]

MARGIN_SCALE = 4.0
"""The margin is divided by this, so that the scores of large margins differ in single precision."""
MARGIN_SHARE = 0.01
"""Share of the margin's score in the neighbours' score: it orders samples with equal disagreement."""
ASYMMETRY = "label_asymmetry"
"""Name of the log-odds asymmetry [N] among the signals, in units of the margin: `label_errors.evidence`."""
TIE_BREAK = "tie_break"
"""Name of `RankingScore.break_ties` [N] among the signals."""
NEIGHBOUR_DISAGREEMENT = "neighbour_disagreement"
"""Name of `data_issues.neighbours.measure_disagreement` [N] among the signals."""


class Negatable(Protocol):
    """An array or a tensor."""

    def __neg__(self) -> Self:
        """Return its negative."""
        ...


Values = TypeVar("Values", bound=Negatable)


class RankingScore(ABC):
    """One score: its value after a training, and the values that order samples during a training."""

    name: ClassVar[str]
    """Its key in `models.catalogue.choices.SCORES`."""
    distance: ClassVar[str] = "distance_average"
    """The signal that is reported as the distance."""
    uses_asymmetry: ClassVar[bool] = False
    """Whether it uses the asymmetry of labels between two classes, known after a training."""
    uses_neighbours: ClassVar[bool] = False
    """Whether it uses the nearest samples, which are searched after a training."""

    @abstractmethod
    def order_by(self, signals: Mapping[str, Values]) -> Values:
        """Return values that order the samples like the score of the signals so far [N]; high = bad."""

    @abstractmethod
    def compute(self, signals: Arrays) -> Floats32:
        """Return the score [N] in [0, 1] from the available signals."""

    def break_ties(self, signals: Arrays) -> Floats64:
        """Return what orders samples of equal score [N], unbounded; high = bad.

        Near 1, scores in single precision are equal: the score of a margin from about -70 on, the distance of
        one from about -17 on. The margin itself, the score's log-odds, still tells those labels apart.
        """
        ties_N: Floats64 = -signals["margin"].astype(np.float64)
        return ties_N

    def compute_arrays(self, signals: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Return the score and what orders samples of equal score, by their names among the signals."""
        return {"score": self.compute(signals), TIE_BREAK: self.break_ties(signals)}


class _Distance(RankingScore):
    """The distance ||y - s(b)||_2 over its maximum."""

    def order_by(self, signals: Mapping[str, Values]) -> Values:
        """Return the distance."""
        return signals[self.distance]

    def compute(self, signals: Arrays) -> Floats32:
        """Return the distance over its maximum."""
        return (signals[self.distance] / MAXIMUM_DISTANCE).astype(np.float32)


class AverageDistance(_Distance):
    """The distance, averaged over training."""

    name = "average"


class LastDistance(_Distance):
    """The distance after training."""

    name = "last"
    distance = "distance_last"


class Margin(RankingScore):
    """The given label against its best rival, less the asymmetry of the two classes if it is known.

    Cross-fitted, as by default, these are the log-odds by the mean probability of the networks that learn the
    label; with one fold it is the predictor's margin. Both are averaged over epochs.
    """

    name = "margin"
    uses_asymmetry = True

    def order_by(self, signals: Mapping[str, Values]) -> Values:
        """Return the negative margin."""
        return -signals["margin"]

    def compute(self, signals: Arrays) -> Floats32:
        """Return `compute_margin_score` of the margin, minus the asymmetry if it is known."""
        return compute_margin_score((-self.break_ties(signals)).astype(np.float32))

    def break_ties(self, signals: Arrays) -> Floats64:
        """Return the asymmetry, if it is known, minus the margin."""
        asymmetry_N = signals.get(ASYMMETRY, np.float64(0))
        return super().break_ties(signals) + asymmetry_N


class Neighbours(RankingScore):
    """The neighbours' disagreement, which is measured after the training; until then the margin."""

    name = "neighbours"
    uses_neighbours = True

    def order_by(self, signals: Mapping[str, Values]) -> Values:
        """Return the negative margin."""
        return -signals["margin"]

    def compute(self, signals: Arrays) -> Floats32:
        """Return 99 % disagreement and 1 % margin score; without neighbours the margin score."""
        score_N = compute_margin_score(signals["margin"])
        if NEIGHBOUR_DISAGREEMENT not in signals:
            return score_N
        disagreement_N = signals[NEIGHBOUR_DISAGREEMENT]
        return ((1 - MARGIN_SHARE) * disagreement_N + MARGIN_SHARE * score_N).astype(np.float32)


def compute_margin_score(margin_N: Floats32) -> Floats32:
    """Return 1 / (1 + exp(margin / 4)) [N], in [0, 1]; 0.5 if the best other class equals the given label.

    High = bad.
    """
    score_N: Floats32 = 1 / (1 + np.exp(margin_N / np.float32(MARGIN_SCALE)))
    return score_N


RANKING_SCORES: Mapping[str, RankingScore] = {
    score.name: score for score in (Margin(), AverageDistance(), LastDistance(), Neighbours())
}
"""Every score by its name, a key of `models.catalogue.choices.SCORES`."""


def read_score(signals: Arrays) -> Floats32:
    """Return a run's stored score [N]; for old runs without a score, the distance over its maximum."""
    if "score" in signals:
        return signals["score"]
    return (signals["distance"] / np.float32(MAXIMUM_DISTANCE)).astype(np.float32)


def rank_by_signals(signals: Arrays) -> npt.NDArray[np.int64]:
    """Return positions by a run's score descending, then by what breaks its ties, then by position.

    Without an array of its own, the margin breaks the ties: the score has no asymmetry then.
    """
    score_N = np.asarray(read_score(signals), dtype=np.float32)
    ties_N = signals[TIE_BREAK] if TIE_BREAK in signals else -signals["margin"].astype(np.float64)
    return np.lexsort((-ties_N, -score_N))


def rank_samples(score_N: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Return positions by score descending, then position."""
    return np.argsort(-np.asarray(score_N, dtype=np.float64), kind="stable")
