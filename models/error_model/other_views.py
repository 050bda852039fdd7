"""Error rates by other assumptions than the forward model's, each as a share of all labels in [0, 1].

Confident learning's joint and anchors were tried beside them and are worse (bench/error_model/estimators.py).

Shape suffixes: N samples, K classes, k neighbours.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
ROUNDS, CONVERGED = 200, 1e-4
START_NOISE = 0.2
SMALL_COUNT = 1e-3


def disagreement(prior_NK: Floats, labels_N: Labels) -> float:
    """Return how often the label is not the likeliest class: too high by the network's own mistakes."""
    return float((prior_NK.argmax(1) != labels_N).mean())


def surest_disagreement(prior_NK: Floats, labels_N: Labels, share: float) -> tuple[float, float]:
    """Return how often the label is not the likeliest class where that is surest, and the standard error.

    Of the samples of each likeliest class, `share` of them are looked at; classes count by their samples.
    Errors by class are as frequent there as elsewhere, and what merely looks like another class is rare.
    The variance of a rate has half a sample more of either kind (Jeffreys), so that none of few is not sure.
    """
    best_N, certainty_N = prior_NK.argmax(1), prior_NK.max(1)
    order_N = np.lexsort((-certainty_N, best_N))
    count_K = np.bincount(best_N, minlength=prior_NK.shape[1])
    place_N = np.arange(len(order_N)) - (np.cumsum(count_K) - count_K)[best_N[order_N]]
    looked_K = np.maximum(np.rint(count_K * share), 1)
    looked_N = order_N[place_N < looked_K[best_N[order_N]]]
    other_K = np.bincount(best_N[looked_N], best_N[looked_N] != labels_N[looked_N], len(count_K))
    smoothed_K = (other_K + 0.5) / (looked_K + 1)
    variance_K = smoothed_K * (1 - smoothed_K) / (looked_K + 1)
    weight_K = count_K / len(labels_N)
    return float(weight_K @ (other_K / looked_K)), float(np.sqrt(weight_K**2 @ variance_K))


def consensus(votes_N3: Labels, class_count: int) -> float:
    """Return the error rate by which two nearest neighbours' labels disagree with a sample's.

    Three labels of one true class, each wrong by the same transitions and independently: the idea of Zhu,
    Song and Liu (2021, "Clusterability as an alternative to anchor points"), here by expectation and
    maximisation instead of by moments. Too high by the neighbours that are of another class.

    Args:
        votes_N3: the labels of each sample and of its two nearest neighbours.
        class_count: K.

    """
    transition_KK = np.full((class_count, class_count), START_NOISE / max(class_count - 1, 1))
    np.fill_diagonal(transition_KK, 1 - START_NOISE)
    share_K = np.bincount(votes_N3[:, 0], minlength=class_count) / len(votes_N3)
    for _ in range(ROUNDS):
        joint_NK = share_K * np.prod([transition_KK[:, votes_N].T for votes_N in votes_N3.T], axis=0)
        posterior_NK = joint_NK / np.maximum(joint_NK.sum(1, keepdims=True), np.finfo(np.float64).tiny)
        count_KK = SMALL_COUNT + np.sum(
            [count_labels(posterior_NK, votes_N) for votes_N in votes_N3.T], axis=0
        )
        found_KK = count_KK / count_KK.sum(1, keepdims=True)
        share_K = posterior_NK.mean(0)
        moved = float(np.abs(found_KK - transition_KK).max())
        transition_KK = found_KK
        if moved < CONVERGED:
            break
    return float(1 - share_K @ np.diag(transition_KK))


def count_labels(posterior_NK: Floats, votes_N: Labels) -> Floats:
    """Return how often each label (column) was given to each class (row) [K, K]."""
    class_count = posterior_NK.shape[1]
    rows = [np.bincount(votes_N, posterior_N, class_count) for posterior_N in posterior_NK.T]
    return np.stack(rows)
