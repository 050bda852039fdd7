"""Error rates by other assumptions than the forward model's, each as a share of all labels in [0, 1].

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
SUREST_SHARE = 0.1
"""Of the samples, as anchors: the surest tenth."""


def disagreement(prior_NK: Floats, labels_N: Labels) -> float:
    """Return how often the label is not the likeliest class: too high by the network's own mistakes."""
    return float((prior_NK.argmax(1) != labels_N).mean())


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


def confident_joint(probabilities_NK: Floats, labels_N: Labels) -> float:
    """Return the error rate of confident learning (Northcutt, Jiang, Chuang 2021).

    A sample counts as its likeliest class among those whose probability is above the mean that samples
    labelled so have; the counts are scaled to the labels' own.
    """
    class_count = probabilities_NK.shape[1]
    own_N = probabilities_NK[np.arange(len(labels_N)), labels_N]
    labelled_K = np.bincount(labels_N, minlength=class_count)
    threshold_K = np.bincount(labels_N, own_N, class_count) / np.maximum(labelled_K, 1)
    threshold_K[labelled_K == 0] = 1
    above_NK = np.where(probabilities_NK >= threshold_K, probabilities_NK, -1.0)
    counted_N = above_NK.max(1) >= 0
    is_right_N = counted_N & (above_NK.argmax(1) == labels_N)
    counted_K = np.bincount(labels_N[counted_N], minlength=class_count)
    right_K = np.bincount(labels_N[is_right_N], minlength=class_count)
    right_share_K = np.where(counted_K > 0, right_K / np.maximum(counted_K, 1), 1.0)
    return float(1 - (labelled_K * right_share_K).sum() / len(labels_N))


def anchors(prior_NK: Floats, labels_N: Labels) -> float:
    """Return the error rate by the labels of each class's surest samples (as Patrini and others, 2017)."""
    best_N = prior_NK.argmax(1)
    rate, class_count = 0.0, prior_NK.shape[1]
    for label in range(class_count):
        of_class = np.flatnonzero(best_N == label)
        surest = of_class[np.argsort(-prior_NK[of_class, label], kind="stable")]
        surest = surest[: max(1, round(SUREST_SHARE * len(surest)))]
        if len(of_class):
            rate += len(of_class) * float((labels_N[surest] != label).mean())
    return rate / len(labels_N)


def count_labels(posterior_NK: Floats, votes_N: Labels) -> Floats:
    """Return how often each label was given to each class [K, K]."""
    class_count = posterior_NK.shape[1]
    columns = [np.bincount(votes_N, posterior_N, class_count) for posterior_N in posterior_NK.T]
    return np.stack(columns)
