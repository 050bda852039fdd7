"""The health of every class's labels, the confused pairs of classes, and the expected yield of a review.

Everything follows from one estimate per sample: its given label is right with probability 1 - e, and e is
split over its likeliest other classes in proportion to their probabilities. The sums over the samples are
expected counts of (true class, given class); all figures here are ratios of these counts. Shape suffixes: N
samples, C candidates of a sample, K classes, P pairs that occur, B points of a curve.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CURVE_POINTS = 100
NOTHING = 1e-9
"""Expected counts below this are rounding errors; a class with less has no figures."""

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Expected counts of the pairs that occur, ordered by true class, then given class."""

    class_count: int
    true_P: Index
    given_P: Index
    count_P: Floats
    """Expected number of samples of this true class with this given class; sums to N."""

    def count_true(self) -> Floats:
        """Return the expected number of samples of each true class [K]."""
        return _sum_by_index(self.true_P, self.count_P, self.class_count)

    def count_given(self) -> Floats:
        """Return the number of samples with each given class [K]."""
        return _sum_by_index(self.given_P, self.count_P, self.class_count)

    def count_right(self) -> Floats:
        """Return the expected number of right labels of each class [K]."""
        is_right_P = self.true_P == self.given_P
        return _sum_by_index(self.true_P[is_right_P], self.count_P[is_right_P], self.class_count)


@dataclass(frozen=True, kw_only=True)
class ClassHealth:
    """Figures of every class, each in [0, 1]; not a number for classes without samples."""

    noise_rate_K: Floats
    """Share of wrong labels among the samples with this given class; high = bad."""
    missed_rate_K: Floats
    """Share of samples with another given class among the samples of this true class; high = bad."""
    health_K: Floats
    """Right labels of the class over the samples of which it is the true or the given class; 1 = good."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The expected yield of a review of the ranking's first samples."""

    review_B: Index
    """Number of samples reviewed, the worst first; rises from 1 to N."""
    found_B: Floats
    """Expected number of wrong labels among them."""
    total: float
    """Expected number of all wrong labels."""


def count_confusion(
    given_N: Labels,
    error_probability_N: npt.NDArray[np.floating[Any]],
    candidates_NC: Labels,
    probabilities_NC: npt.NDArray[np.floating[Any]],
    *,
    class_count: int,
) -> Confusion:
    """Return the expected counts of true and given classes.

    Args:
        given_N: given labels, 0 .. K - 1.
        error_probability_N: probability in [0, 1] that the given label is wrong.
        candidates_NC: likely classes of every sample, -1 for none; the given label can be among them.
        probabilities_NC: their probabilities; those of classes other than the given one are scaled to sum to
            the error probability. A sample without other candidates counts as right.
        class_count: K.

    """
    is_other_NC = (candidates_NC >= 0) & (candidates_NC != given_N[:, None])
    weight_NC = np.where(is_other_NC, np.maximum(probabilities_NC, NOTHING), 0.0)
    total_N = weight_NC.sum(1)
    wrong_N = np.where(total_N > 0, error_probability_N, 0.0)
    count_NC = weight_NC / np.where(total_N > 0, total_N, 1)[:, None] * wrong_N[:, None]
    given_NC = np.broadcast_to(given_N[:, None], candidates_NC.shape)
    true = np.concatenate([given_N, candidates_NC[is_other_NC]]).astype(np.int64)
    given = np.concatenate([given_N, given_NC[is_other_NC]]).astype(np.int64)
    counts = np.concatenate([1.0 - wrong_N, count_NC[is_other_NC]])
    pair_P, place = np.unique(true * class_count + given, return_inverse=True)
    true_P, given_P = np.divmod(pair_P, class_count)
    return Confusion(
        class_count=class_count,
        true_P=true_P,
        given_P=given_P,
        count_P=_sum_by_index(place, counts, len(pair_P)),
    )


def measure_class_health(confusion: Confusion) -> ClassHealth:
    """Return the health of every class's labels."""
    right_K, true_K, given_K = confusion.count_right(), confusion.count_true(), confusion.count_given()
    return ClassHealth(
        noise_rate_K=1 - _divide(right_K, given_K),
        missed_rate_K=1 - _divide(right_K, true_K),
        health_K=_divide(right_K, true_K + given_K - right_K),
    )


def compute_transition_matrix(confusion: Confusion) -> Floats:
    """Return P(given class j | true class i) in row i, column j; not a number if class i has no samples."""
    matrix_KK = np.zeros((confusion.class_count, confusion.class_count))
    matrix_KK[confusion.true_P, confusion.given_P] = confusion.count_P
    return _divide(matrix_KK, confusion.count_true()[:, None])


def list_confused_pairs(confusion: Confusion, *, limit: int) -> list[tuple[int, int, float]]:
    """Return (true class, given class, expected count) of wrong labels, the most frequent pairs first."""
    wrong = np.flatnonzero((confusion.true_P != confusion.given_P) & (confusion.count_P > NOTHING))
    best = wrong[np.argsort(-confusion.count_P[wrong], kind="stable")][:limit]
    columns = (
        confusion.true_P[best].tolist(),
        confusion.given_P[best].tolist(),
        confusion.count_P[best].tolist(),
    )
    return list(zip(*columns, strict=True))


def compute_budget(error_probability_N: npt.NDArray[np.floating[Any]]) -> Budget:
    """Return the expected yield of a review, from the error probabilities in order of rank."""
    cumulated_N = np.cumsum(error_probability_N, dtype=np.float64)
    count = len(cumulated_N)
    review_B = np.unique(np.geomspace(1, count, CURVE_POINTS).round().astype(np.int64))
    return Budget(review_B=review_B, found_B=cumulated_N[review_B - 1], total=float(cumulated_N[-1]))


def count_reviews(error_probability_N: npt.NDArray[np.floating[Any]], share: float) -> int:
    """Return how many of the first samples contain this share of the expected errors.

    Args:
        error_probability_N: probabilities in order of rank.
        share: share of all expected errors, in [0, 1].

    """
    cumulated_N = np.cumsum(error_probability_N, dtype=np.float64)
    if cumulated_N[-1] <= NOTHING:
        return 0
    target = share * cumulated_N[-1] * (1 - NOTHING)  # sums of the same numbers differ in their last bits
    return int(np.searchsorted(cumulated_N, target)) + 1


def _sum_by_index(index_P: Index, count_P: Floats, length: int) -> Floats:
    """Return the sum of the counts at every index, 0 .. length - 1."""
    return np.bincount(index_P, count_P, length).astype(np.float64)


def _divide(part: Floats, whole: Floats) -> Floats:
    """Return part / whole within [0, 1]; not a number if the whole is 0."""
    whole = np.broadcast_to(whole, part.shape)
    share: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > NOTHING)
    return share.clip(0, 1)
