"""Which given labels a classifier doubts that never saw them: true classes as a mixture, by class confusions.

A model of Dawid and Skene's kind (1979) with the classifier as prior: sample i is of class k with the
classifier's probability p_ik, and a sample of class k is labelled y with probability T_ky. Both the classes
and T follow from the given labels by expectation and maximisation. The classifier's averaged probabilities
are flatter than its knowledge, since early epochs and wrong labels flatten them: they are sharpened first.
Shape suffixes: N samples, F of them for the fit, B of a block, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

SHARPNESS_WEAK, SHARPNESS_STRONG = 2.0, 10.0
"""Powers of the probabilities, of a weak network and of a strong one (docs/detection.md)."""
ROUNDS = 40
FITTED_MAX = 50_000
"""Samples, evenly spaced, that T is fitted to."""
BLOCK_ROWS = 65_536
LEAST = 1e-6

Floats = npt.NDArray[np.float64]


def fit(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    strength: float,
) -> Floats:
    """Return T [K, K], row k how samples of class k are labelled; every row has the sum 1.

    Args:
        probabilities_NK: the classifier's, which must not come from the labels they are held against.
        labels_N: the given labels.
        strength: how far the classifier knows its data, in [0, 1]; see `training.competence.strength`.

    """
    fitted = _fitted(len(labels_N))
    return _fit(_sharpened(probabilities_NK[fitted], _sharpness(strength)), labels_N[fitted])


def doubt(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    transition_KK: Floats,
    *,
    strength: float,
) -> npt.NDArray[np.float32]:
    """Return the probability that each given label is wrong [N], in [0, 1]; high = bad.

    Args:
        probabilities_NK: see `fit`.
        labels_N: the given labels.
        transition_KK: what `fit` returned.
        strength: see `fit`.

    """
    sharpness = _sharpness(strength)
    doubt_N = np.empty(len(labels_N), dtype=np.float32)
    for start in range(0, len(labels_N), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        classes_BK = _classes(_sharpened(probabilities_NK[block], sharpness), labels_N[block], transition_KK)
        doubt_N[block] = 1 - classes_BK[np.arange(len(classes_BK)), labels_N[block]]
    return doubt_N.clip(0, 1)


def leanings(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    strength: float,
) -> Floats:
    """Return A [K, K], how much rather class k is labelled y than class y is labelled k; A_yk = -A_ky.

    log T_ky - log T_yk, of a T fitted for it. What two classes have in common, such as a network that cannot
    tell them apart, is in both and cancels out; labels that go one way alone remain.

    Args:
        probabilities_NK: see `fit`.
        labels_N: the given labels.
        strength: see `fit`. A weak classifier's probabilities are taken as they are.

    """
    fitted = _fitted(len(labels_N))
    probabilities_FK = _sharpened(probabilities_NK[fitted], _sharpness(strength, weak=1.0))
    transition_KK = _fit(probabilities_FK, labels_N[fitted])
    classes_FK = _classes(probabilities_FK, labels_N[fitted], transition_KK)
    # With one label more of every kind a class with few samples leans nowhere.
    log_KK = np.log(_transitions(classes_FK, labels_N[fitted], prior=1.0))
    leaning_KK: Floats = log_KK - log_KK.T
    return leaning_KK


def _fitted(sample_count: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, sample_count - 1, min(sample_count, FITTED_MAX)).astype(np.int64)


def _sharpness(strength: float, *, weak: float = SHARPNESS_WEAK) -> float:
    return weak + (SHARPNESS_STRONG - weak) * strength


def _fit(probabilities_FK: Floats, labels_F: npt.NDArray[np.integer[Any]]) -> Floats:
    """Return T, beginning with what the classifier's choices say."""
    class_count = probabilities_FK.shape[1]
    chosen_FK = np.zeros_like(probabilities_FK)
    chosen_FK[np.arange(len(labels_F)), probabilities_FK.argmax(1)] = 1
    transition_KK = _transitions(chosen_FK, labels_F, prior=1.0)
    for _ in range(ROUNDS):
        classes_FK = _classes(probabilities_FK, labels_F, transition_KK)
        transition_KK = _transitions(classes_FK, labels_F, prior=1 / class_count)
    return transition_KK


def _classes(
    probabilities_BK: Floats, labels_B: npt.NDArray[np.integer[Any]], transition_KK: Floats
) -> Floats:
    """Return the probabilities of the true classes [B, K], given the labels."""
    joint_BK = probabilities_BK * transition_KK.T[labels_B]
    return _scaled(joint_BK)


def _transitions(classes_FK: Floats, labels_F: npt.NDArray[np.integer[Any]], *, prior: float) -> Floats:
    """Return how each class is labelled [K, K], with so many labels of every kind more than there are."""
    class_count = classes_FK.shape[1]
    order_F = np.argsort(labels_F, kind="stable")
    found, starts = np.unique(labels_F[order_F], return_index=True)
    counts_KK = np.full((class_count, class_count), prior)
    counts_KK[:, found] += np.add.reduceat(classes_FK[order_F], starts, axis=0).T
    return _scaled(counts_KK)


def _sharpened(probabilities_BK: npt.NDArray[np.floating[Any]], sharpness: float) -> Floats:
    log_BK = sharpness * np.log(np.asarray(probabilities_BK, dtype=np.float64).clip(LEAST))
    return _scaled(np.exp(log_BK - log_BK.max(1, keepdims=True)))


def _scaled(rows_BK: Floats) -> Floats:
    """Return the rows with a sum of 1."""
    scaled_BK: Floats = rows_BK / rows_BK.sum(1, keepdims=True)
    return scaled_BK
