"""The transition matrix of the labels, and the posterior probability that each given label is wrong.

A model like Dawid and Skene's (1979), with the classifier as prior: sample i is of class k with the
classifier's probability p_ik, and a sample of class k is labelled y with probability T_ky. The true classes
and T are fitted to the given labels by expectation maximisation. Early epochs and wrong labels flatten the
classifier's averaged probabilities, so they are sharpened first. The model assumes that the prior does not
depend on the sample's given label. That holds only if the predictor, from whose gradients the classifier
learns, has not memorised the label (docs/detection.md). Shape suffixes: N samples, F samples for the fit, B
samples of a block, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.label_errors.label_error_constants import CONSTANTS, LabelErrorConstants

BLOCK_ROWS = 65_536
LEAST = 1e-6

Floats = npt.NDArray[np.float64]


def fit_transitions(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    classifier_weight: float,
    constants: LabelErrorConstants = CONSTANTS,
) -> Floats:
    """Return T [K, K]: row k is the distribution of the given labels of class k.

    Args:
        probabilities_NK: the classifier's probabilities; they should not come from memorised labels.
        labels_N: the given labels.
        classifier_weight: the result of `training.classifier_weight.weigh_classifier`, in [0, 1].
        constants: the constants of the model of label errors.

    """
    fitted = _choose_fitted(len(labels_N), constants)
    sharpness = _choose_sharpness(classifier_weight, constants, weak=constants.sharpness_weak)
    return _fit(_sharpen(probabilities_NK[fitted], sharpness), labels_N[fitted], constants)


def compute_error_posterior(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    transition_KK: Floats,
    *,
    classifier_weight: float,
    constants: LabelErrorConstants = CONSTANTS,
) -> npt.NDArray[np.float32]:
    """Return the probability that each given label is wrong [N], in [0, 1]; high = bad.

    Args:
        probabilities_NK: see `fit_transitions`.
        labels_N: the given labels.
        transition_KK: the result of `fit_transitions`.
        classifier_weight: see `fit_transitions`.
        constants: see `fit_transitions`.

    """
    sharpness = _choose_sharpness(classifier_weight, constants, weak=constants.sharpness_weak)
    posterior_N = np.empty(len(labels_N), dtype=np.float32)
    for start in range(0, len(labels_N), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        classes_BK = _compute_classes(
            _sharpen(probabilities_NK[block], sharpness), labels_N[block], transition_KK
        )
        posterior_N[block] = 1 - classes_BK[np.arange(len(classes_BK)), labels_N[block]]
    return posterior_N.clip(0, 1)


def measure_asymmetry(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    classifier_weight: float,
    constants: LabelErrorConstants = CONSTANTS,
) -> Floats:
    """Return the log-odds asymmetry A [K, K] of every pair of classes; A_yk = -A_ky.

    A_ky = log T_ky - log T_yk, with a separately fitted T: how much more often class k is labelled y than
    class y is labelled k. A network that cannot separate two classes adds to both, which cancels out; labels
    that are wrong in one direction remain.

    Args:
        probabilities_NK: see `fit_transitions`.
        labels_N: the given labels.
        classifier_weight: see `fit_transitions`. A weak classifier's probabilities are not sharpened.
        constants: see `fit_transitions`.

    """
    fitted = _choose_fitted(len(labels_N), constants)
    sharpness = _choose_sharpness(classifier_weight, constants, weak=1.0)
    probabilities_FK = _sharpen(probabilities_NK[fitted], sharpness)
    transition_KK = _fit(probabilities_FK, labels_N[fitted], constants)
    classes_FK = _compute_classes(probabilities_FK, labels_N[fitted], transition_KK)
    # A prior of one label of every kind keeps the asymmetry of classes with few samples small.
    log_KK = np.log(_count_transitions(classes_FK, labels_N[fitted], prior=1.0))
    asymmetry_KK: Floats = log_KK - log_KK.T
    return asymmetry_KK


def _choose_fitted(sample_count: int, constants: LabelErrorConstants) -> npt.NDArray[np.int64]:
    count = min(sample_count, constants.transition_samples_max)
    return np.linspace(0, sample_count - 1, count).astype(np.int64)


def _choose_sharpness(classifier_weight: float, constants: LabelErrorConstants, *, weak: float) -> float:
    return weak + (constants.sharpness_strong - weak) * classifier_weight


def _fit(
    probabilities_FK: Floats, labels_F: npt.NDArray[np.integer[Any]], constants: LabelErrorConstants
) -> Floats:
    """Return T by expectation maximisation, starting from the classifier's choices."""
    class_count = probabilities_FK.shape[1]
    chosen_FK = np.zeros_like(probabilities_FK)
    chosen_FK[np.arange(len(labels_F)), probabilities_FK.argmax(1)] = 1
    transition_KK = _count_transitions(chosen_FK, labels_F, prior=1.0)
    for _ in range(constants.transition_rounds):
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
