"""The log-odds asymmetry of labels between two classes, of a training with one fold; it is part of the score.

Sample i is of class k with the classifier's probability p_ik, and a sample of class k is labelled y with
probability T_ky; both are fitted in turns, like Dawid and Skene (1979). This ranks; it counts nothing: with
one fold the classifier is not independent of the labels (docs/detection.md), so T is not the noise.
Shape suffixes: N samples, F samples for the fit, B samples of a block, K classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEAST = 1e-6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AsymmetryConstants:
    """The constants of the asymmetry.

    Tuned on seed 2 of CIFAR-10's pair, uniform and `worse` tasks and on the other tasks of docs/detection.md
    except the two of vehicles; "chosen" means that no comparison of other values was kept.
    """

    weight: float = 0.75
    """Weight beside the averaged margin. `python -m bench.peers.weights` measures other values."""
    by_chance: float = 0.35
    """Mean square if labels are wrong in both directions alike; it is not 0, because a network favours some
    classes: 0.3 to 0.5 under uniform and human noise."""
    sharpness_strong: float = 10.0
    """Power of the class probabilities of a classifier with weight 1; 1 with weight 0."""
    rounds: int = 40
    """Rounds of expectation maximisation. Chosen."""
    samples_max: int = 50_000
    """Most samples, evenly spaced, to which T is fitted. Chosen."""


CONSTANTS = AsymmetryConstants()


def measure_asymmetry(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    classifier_weight: float,
    constants: AsymmetryConstants = CONSTANTS,
) -> Floats:
    """Return the log-odds asymmetry A [K, K] of every pair of classes; A_yk = -A_ky.

    A_ky = log T_ky - log T_yk, with a separately fitted T: how much more often class k is labelled y than
    class y is labelled k. A network that cannot separate two classes adds to both, which cancels out; labels
    that are wrong in one direction remain.

    Args:
        probabilities_NK: the classifier's.
        labels_N: the given labels.
        classifier_weight: the result of `stopping.classifier_weight.weigh_classifier`, in [0, 1]. Averages
            over epochs are flatter than what the network knows, so a reliable one's are sharpened.
        constants: the constants.

    """
    fitted = _choose_fitted(len(labels_N), constants)
    sharpness = 1 + (constants.sharpness_strong - 1) * classifier_weight
    probabilities_FK = _sharpen(probabilities_NK[fitted], sharpness)
    transition_KK = _fit(probabilities_FK, labels_N[fitted], constants)
    classes_FK = _compute_classes(probabilities_FK, labels_N[fitted], transition_KK)
    # A prior of one label of every kind keeps the asymmetry of classes with few samples small.
    log_KK = np.log(_count_transitions(classes_FK, labels_N[fitted], prior=1.0))
    asymmetry_KK: Floats = log_KK - log_KK.T
    return asymmetry_KK


def _choose_fitted(sample_count: int, constants: AsymmetryConstants) -> npt.NDArray[np.int64]:
    count = min(sample_count, constants.samples_max)
    return np.linspace(0, sample_count - 1, count).astype(np.int64)


def _fit(
    probabilities_FK: Floats, labels_F: npt.NDArray[np.integer[Any]], constants: AsymmetryConstants
) -> Floats:
    """Return T by expectation maximisation, starting from the classifier's choices."""
    class_count = probabilities_FK.shape[1]
    chosen_FK = np.zeros_like(probabilities_FK)
    chosen_FK[np.arange(len(labels_F)), probabilities_FK.argmax(1)] = 1
    transition_KK = _count_transitions(chosen_FK, labels_F, prior=1.0)
    for _ in range(constants.rounds):
        classes_FK = _compute_classes(probabilities_FK, labels_F, transition_KK)
        transition_KK = _count_transitions(classes_FK, labels_F, prior=1 / class_count)
    return transition_KK


def _compute_classes(
    probabilities_BK: Floats, labels_B: npt.NDArray[np.integer[Any]], transition_KK: Floats
) -> Floats:
    """Return the probabilities of the true classes [B, K], given the labels."""
    joint_BK = probabilities_BK * transition_KK.T[labels_B]
    return _scale_rows(joint_BK)


def _count_transitions(classes_FK: Floats, labels_F: npt.NDArray[np.integer[Any]], *, prior: float) -> Floats:
    """Return T [K, K] from the classes' probabilities, with `prior` added to every count."""
    class_count = classes_FK.shape[1]
    order_F = np.argsort(labels_F, kind="stable")
    present, starts = np.unique(labels_F[order_F], return_index=True)
    counts_KK = np.full((class_count, class_count), prior)
    counts_KK[:, present] += np.add.reduceat(classes_FK[order_F], starts, axis=0).T
    return _scale_rows(counts_KK)


def _sharpen(probabilities_BK: npt.NDArray[np.floating[Any]], sharpness: float) -> Floats:
    log_BK = sharpness * np.log(np.asarray(probabilities_BK, dtype=np.float64).clip(LEAST))
    return _scale_rows(np.exp(log_BK - log_BK.max(1, keepdims=True)))


def _scale_rows(rows_BK: Floats) -> Floats:
    """Return the rows, scaled to a sum of 1."""
    scaled_BK: Floats = rows_BK / rows_BK.sum(1, keepdims=True)
    return scaled_BK
