"""What is known of every sample before anything is estimated.

Shape suffixes: N samples, K classes, D features, k neighbours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from models.error_model.assumptions import CONSTANTS, Constants

Votes = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
SUM_TOLERANCE = 1e-2
"""Of probabilities that went through float16."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Given labels, and what was found out about the samples without them."""

    labels_N: npt.NDArray[np.integer[Any]]
    """The given labels, 0 .. K - 1."""
    probabilities_NK: npt.NDArray[np.floating[Any]]
    """Class probabilities from networks that never saw the sample's label; rows sum to 1."""
    neighbours_Nk: npt.NDArray[np.integer[Any]] | None = None
    """Nearest other samples of each, the nearest first, two or more, none of them the sample itself."""
    is_out_of_sample_N: npt.NDArray[np.bool_] | None = None
    """Which rows of the probabilities are out of sample: a random part of the samples. None: all are."""
    score_N: npt.NDArray[np.floating[Any]] | None = None
    """What ranks the samples, high = bad; needed if some are in sample."""

    def __post_init__(self) -> None:
        """Raise ValueError that says what was expected and what was found."""
        _check_labels(self.labels_N, self.probabilities_NK)
        _check_probabilities(self.probabilities_NK)
        if self.neighbours_Nk is not None:
            _check_neighbours(self.neighbours_Nk, len(self.labels_N))
        if self.is_out_of_sample_N is not None:
            _check_part(self.is_out_of_sample_N, self.score_N, len(self.labels_N))

    @property
    def out_of_sample(self) -> Index:
        """Return the positions of the samples that are out of sample."""
        if self.is_out_of_sample_N is None:
            return np.arange(len(self.labels_N))
        return np.flatnonzero(self.is_out_of_sample_N)

    @property
    def class_count(self) -> int:
        """Return K."""
        return int(self.probabilities_NK.shape[1])


def find_neighbours(features_ND: npt.NDArray[np.floating[Any]]) -> Index:
    """Return the nearest other samples of each [N, k] by Euclidean distance, the nearest first.

    Every pair is compared: N up to some ten thousand. For more, hand in an approximate search's result.
    """
    count = min(CONSTANTS.neighbours, len(features_ND) - 1)
    search = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(features_ND)
    found_Nk: Index = search.kneighbors(features_ND, return_distance=False)
    # A copy of a sample may come before the sample itself: it is moved to the end and cut off.
    is_self_Nk = found_Nk == np.arange(len(found_Nk))[:, None]
    order_Nk = np.argsort(is_self_Nk, axis=1, kind="stable")
    return np.take_along_axis(found_Nk, order_Nk, axis=1)[:, :count]


def count_votes(evidence: Evidence, constants: Constants = CONSTANTS) -> Votes | None:
    """Return the share of each sample's neighbours with each label [N, K]; None without them.

    One vote more than there are is spread by the labels' frequency, half of it.
    """
    if evidence.neighbours_Nk is None:
        return None
    labels_N, class_count = evidence.labels_N, evidence.class_count
    votes_NK = np.zeros((len(labels_N), class_count), dtype=np.float32)
    rows_N = np.arange(len(labels_N))
    near_Nk = evidence.neighbours_Nk[:, : constants.neighbours]
    for column_N in near_Nk.T:
        votes_NK[rows_N, labels_N[column_N]] += 1  # a row has one vote a column, so none is lost
    frequency_K = np.bincount(labels_N, minlength=class_count) / len(labels_N)
    half = 0.5
    votes_NK += (half * frequency_K).astype(np.float32)
    votes_NK /= near_Nk.shape[1] + half
    return votes_NK


def _check_labels(labels_N: npt.NDArray[Any], probabilities_NK: npt.NDArray[Any]) -> None:
    if probabilities_NK.ndim != 2 or probabilities_NK.shape[1] < 2:  # noqa: PLR2004
        raise ValueError(f"Probabilities are rows of 2 classes or more, not {list(probabilities_NK.shape)}.")
    if labels_N.shape != probabilities_NK.shape[:1] or not len(labels_N):
        raise ValueError(f"{len(probabilities_NK)} rows of probabilities need as many labels, 1 or more.")
    class_count = probabilities_NK.shape[1]
    if not 0 <= labels_N.min() <= labels_N.max() < class_count:
        raise ValueError(f"Labels lie in 0 .. {class_count - 1}, not {labels_N.min()} .. {labels_N.max()}.")


def _check_probabilities(probabilities_NK: npt.NDArray[Any]) -> None:
    if not np.isfinite(probabilities_NK).all() or probabilities_NK.min() < 0:
        raise ValueError("Probabilities lie in 0 .. 1; some are below, or no numbers.")
    sums_N = probabilities_NK.sum(1, dtype=np.float64)
    worst = float(sums_N[np.abs(sums_N - 1).argmax()])
    if abs(worst - 1) > SUM_TOLERANCE:
        raise ValueError(f"Every row of probabilities sums to 1; one sums to {worst:.3f}.")


def _check_neighbours(neighbours_Nk: npt.NDArray[Any], sample_count: int) -> None:
    if neighbours_Nk.ndim != 2 or len(neighbours_Nk) != sample_count or neighbours_Nk.shape[1] < 2:  # noqa: PLR2004
        raise ValueError(f"Neighbours are {sample_count} rows of 2 or more, not {list(neighbours_Nk.shape)}.")
    if not 0 <= neighbours_Nk.min() <= neighbours_Nk.max() < sample_count:
        raise ValueError(f"Neighbours are places 0 .. {sample_count - 1}; some are not.")
    if (neighbours_Nk == np.arange(sample_count)[:, None]).any():
        raise ValueError("No sample is its own neighbour: its own label would count as evidence.")


def _check_part(
    is_out_of_sample_N: npt.NDArray[Any], score_N: npt.NDArray[Any] | None, sample_count: int
) -> None:
    if is_out_of_sample_N.shape != (sample_count,) or is_out_of_sample_N.dtype != np.bool_:
        raise ValueError(f"What is out of sample is {sample_count} truth values.")
    if not is_out_of_sample_N.any():
        raise ValueError("No sample is out of sample: nothing can be estimated.")
    if score_N is None or score_N.shape != (sample_count,):
        raise ValueError(f"Samples in sample are estimated by {sample_count} scores; there are none.")
