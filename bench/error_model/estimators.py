"""Estimators of the error rate that the model does not use, each as a share of all labels in [0, 1].

Shape suffixes: N samples, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
SUREST_SHARE = 0.1
"""Of the samples, as anchors: the surest tenth."""


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
