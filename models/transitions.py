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
        strength: how far the classifier knows its data, in [0, 1]; see `noise_rate.strength`.

    """
    fitted = np.linspace(0, len(labels_N) - 1, min(len(labels_N), FITTED_MAX)).astype(np.int64)
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


def log_odds(
    transition_KK: Floats, labels_N: npt.NDArray[np.integer[Any]], rivals_N: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float32]:
    """Return how much rather a rival class is labelled so than the given class itself [N]; high = bad.

    log T_ry - log T_yy for a given label y and its rival r: the same for all pairs under uniform noise, near
    0 where a class is often taken for the other, far below where it never is.
    """
    odds_N = transition_KK[rivals_N, labels_N].clip(LEAST) / transition_KK[labels_N, labels_N].clip(LEAST)
    log_odds_N: npt.NDArray[np.float32] = np.log(odds_N).astype(np.float32)
    return log_odds_N


def _sharpness(strength: float) -> float:
    return SHARPNESS_WEAK + (SHARPNESS_STRONG - SHARPNESS_WEAK) * strength


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
