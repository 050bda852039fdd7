"""What is known of every sample before anything is estimated.

Shape suffixes: N samples, K classes, D features, k neighbours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from models.error_model.assumptions import CONSTANTS, Constants

Floats = npt.NDArray[np.float64]
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

    def __post_init__(self) -> None:
        """Raise ValueError that says what was expected and what was found."""
        _check_labels(self.labels_N, self.probabilities_NK)
        _check_probabilities(self.probabilities_NK)
        if self.neighbours_Nk is not None:
            _check_neighbours(self.neighbours_Nk, len(self.labels_N))

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


def count_votes(evidence: Evidence, constants: Constants = CONSTANTS) -> Floats | None:
    """Return the share of each sample's neighbours with each label [N, K]; None without them.

    One vote more than there are is spread by the labels' frequency, half of it.
    """
    if evidence.neighbours_Nk is None:
        return None
    labels_N, class_count = evidence.labels_N, evidence.class_count
    votes_NK = np.zeros((len(labels_N), class_count))
    rows_N = np.arange(len(labels_N))
    near_Nk = evidence.neighbours_Nk[:, : constants.neighbours]
    for column_N in near_Nk.T:
        votes_NK[rows_N, labels_N[column_N]] += 1  # a row has one vote a column, so none is lost
    frequency_K = np.bincount(labels_N, minlength=class_count) / len(labels_N)
    half = 0.5
    smooth_NK: Floats = (votes_NK + half * frequency_K) / (near_Nk.shape[1] + half)
    return smooth_NK


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
