"""How sound the labels of each class are, what is confused with what, and what reviewing a ranking yields.

Everything follows from one estimate for every sample: with probability 1 - e its given label is right, and
what is left, e, falls to its likeliest other classes in proportion to their probabilities. Summed over the
samples that makes expected counts of (true class, given class), of which all figures here are ratios.
Shape suffixes: N samples, C candidates of a sample, K classes, P pairs that occur, B points of a curve.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CURVE_POINTS = 100
NOTHING = 1e-9
"""Expected counts below this are rounding, and a class of less has no figures."""

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
    """Expected number of samples that are of the one class and were given the other; sums to N."""

    def by_true(self) -> Floats:
        """Return the expected number of samples that are of each class [K]."""
        return _sums(self.true_P, self.count_P, self.class_count)

    def by_given(self) -> Floats:
        """Return the number of samples that were given each class [K]."""
        return _sums(self.given_P, self.count_P, self.class_count)

    def right(self) -> Floats:
        """Return the expected number of samples of each class that were given it [K]."""
        is_right_P = self.true_P == self.given_P
        return _sums(self.true_P[is_right_P], self.count_P[is_right_P], self.class_count)


@dataclass(frozen=True, kw_only=True)
class ClassHealth:
    """Figures of every class, each in [0, 1], not a number where there is no sample to tell."""

    noise_rate_K: Floats
    """Of the samples that were given the class, the share that is of another; high = bad."""
    missed_rate_K: Floats
    """Of the samples that are of the class, the share that was given another; high = bad."""
    health_K: Floats
    """Samples of the class that were given it, over those of which either holds; 1 = sound, low = bad."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What reviewing the head of a ranking is expected to yield."""

    review_B: Index
    """How many samples are reviewed, from the worst on; rises from 1 to N."""
    found_B: Floats
    """Expected number of wrong labels among them."""
    total: float
    """Expected number of wrong labels in all."""


def confusion(
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
        candidates_NC: likely classes of every sample, -1 for none; the given label may be among them.
        probabilities_NC: their probabilities; those of other classes than the given one are scaled to sum
            to the error probability. A sample without such a candidate counts as right.
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
        class_count=class_count, true_P=true_P, given_P=given_P, count_P=_sums(place, counts, len(pair_P))
    )


def class_health(found: Confusion) -> ClassHealth:
    """Return how sound the labels of every class are."""
    right_K, true_K, given_K = found.right(), found.by_true(), found.by_given()
    return ClassHealth(
        noise_rate_K=1 - _share(right_K, given_K),
        missed_rate_K=1 - _share(right_K, true_K),
        health_K=_share(right_K, true_K + given_K - right_K),
    )


def transition_matrix(found: Confusion) -> Floats:
    """Return P(given class j | true class i) in row i and column j; not a number where nothing is i."""
    matrix_KK = np.zeros((found.class_count, found.class_count))
    matrix_KK[found.true_P, found.given_P] = found.count_P
    return _share(matrix_KK, found.by_true()[:, None])


def confused_pairs(found: Confusion, *, limit: int) -> list[tuple[int, int, float]]:
    """Return the (true class, given class, expected count) that differ, the most frequent first."""
    wrong = np.flatnonzero((found.true_P != found.given_P) & (found.count_P > NOTHING))
    best = wrong[np.argsort(-found.count_P[wrong], kind="stable")][:limit]
    columns = (found.true_P[best].tolist(), found.given_P[best].tolist(), found.count_P[best].tolist())
    return list(zip(*columns, strict=True))


def budget(error_probability_N: npt.NDArray[np.floating[Any]]) -> Budget:
    """Return what the review of a ranking yields, from the error probabilities in order of rank."""
    cumulated_N = np.cumsum(error_probability_N, dtype=np.float64)
    count = len(cumulated_N)
    review_B = np.unique(np.geomspace(1, count, CURVE_POINTS).round().astype(np.int64))
    return Budget(review_B=review_B, found_B=cumulated_N[review_B - 1], total=float(cumulated_N[-1]))


def review_for(error_probability_N: npt.NDArray[np.floating[Any]], share: float) -> int:
    """Return how many of the first samples hold this share of the expected errors; arguments as `budget`."""
    cumulated_N = np.cumsum(error_probability_N, dtype=np.float64)
    if cumulated_N[-1] <= NOTHING:
        return 0
    wanted = share * cumulated_N[-1] * (1 - NOTHING)  # sums of the same numbers differ in their last bits
    return int(np.searchsorted(cumulated_N, wanted)) + 1


def _sums(index_P: Index, count_P: Floats, length: int) -> Floats:
    """Return the sum of the counts at every index, 0 .. length - 1."""
    return np.bincount(index_P, count_P, length).astype(np.float64)


def _share(part: Floats, whole: Floats) -> Floats:
    """Return part / whole within [0, 1], not a number where there is no whole."""
    whole = np.broadcast_to(whole, part.shape)
    share: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > NOTHING)
    return share.clip(0, 1)
