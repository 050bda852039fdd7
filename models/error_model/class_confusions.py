"""How many samples of each class got which label, by the likeliest forward model of one source of evidence.

The confusions that a network makes itself are told from wrong labels, as in the count: at sure samples a
network's own vanish. No prior makes the wrong labels even here; who uses the counts draws them to what chance
would make (`cross_fitting.ranking_evidence.measure_confusion`), by how sure the model is of them.

Shape suffixes: N samples, K classes, Y labels, F samples of the fit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.fitted_models import draw_fitted, has_too_many_classes
from models.error_model.forward_model import fit_forward, infer_true_class, take_logs
from models.error_model.other_views import count_labels
from models.error_model.sample_evidence import Evidence

Floats = npt.NDArray[np.float64]
PRIOR_COUNT = 1.0
"""Added to the count of labels of every kind (Laplace), so that every logarithm is finite."""


@dataclass(frozen=True, kw_only=True)
class Confusions:
    """How often class k (row) got label y (column)."""

    counts_KK: Floats
    """The expected number of samples."""
    variance_KK: Floats
    """Of log T_ky - log T_yy, as far as labels can tell: see `measure_variance`."""


def count_confusions(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    seed: int = 0,
    constants: Constants = CONSTANTS,
) -> Confusions:
    """Return how often each class got each label, and how well that is known.

    They are samples of the fit: all, or as many as time allows. Of more classes than the samples could tell
    apart, nothing is counted: all figures are 0.

    Args:
        probabilities_NK: class probabilities out of sample.
        labels_N: the given labels.
        seed: draws the samples of the fit.
        constants: of the model.

    """
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK)
    if has_too_many_classes(evidence, constants):
        nothing_KK = np.zeros((evidence.class_count,) * 2)
        return Confusions(counts_KK=nothing_KK, variance_KK=nothing_KK)
    fitted_F = draw_fitted(evidence, seed, constants)
    logs_1FK = take_logs([probabilities_NK[fitted_F]], constants)
    model = fit_forward(logs_1FK, labels_N[fitted_F], constants)
    posterior_FK = infer_true_class(model, logs_1FK, labels_N[fitted_F]).posterior_NK
    return Confusions(
        counts_KK=count_labels(posterior_FK, labels_N[fitted_F]),
        variance_KK=measure_variance(posterior_FK, labels_N[fitted_F]),
    )


def measure_variance(posterior_NK: Floats, labels_N: npt.NDArray[np.integer[Any]]) -> Floats:
    """Return the variance of log T_ky - log T_yy, by Fisher's information about all of T [K, K].

    The log-likelihood of a sample's label y rises with log T_ky by r_k, the probability that its class is k,
    given y. So the samples of label y tell the sum of r r' about column y of T, and nothing of other columns:
    one matrix per label. Its inverse, with each row of T summing to 1, is the variance. If all classes are
    certain, it is that of binomial counts. If a network cannot tell whether samples labelled dog are cats,
    wrong labels of cats and right ones of dogs make the same labels likely, and the variance is larger (the
    missing information of Louis 1982). The model's scale and biases are taken as known, which matters most
    with two classes.

    Args:
        posterior_NK: the true class's probabilities, given the label.
        labels_N: the given labels.

    """
    class_count = posterior_NK.shape[1]
    counts_KK = count_labels(posterior_NK, labels_N) + PRIOR_COUNT
    transition_YK = (counts_KK / counts_KK.sum(1, keepdims=True)).T
    of_label_YNK = (posterior_NK[labels_N == label] for label in range(class_count))
    information_YKK = np.stack([part_NK.T @ part_NK for part_NK in of_label_YNK])
    covariance_YKK = np.linalg.inv(information_YKK + PRIOR_COUNT * np.eye(class_count))
    # What is known beforehand: row k of T sums to 1, and changes by the sum of T_ky times that of log T_ky.
    of_sums_YKK = covariance_YKK * transition_YK[:, None, :]
    variance_of_sums_KK = (transition_YK[:, :, None] * of_sums_YKK).sum(0)
    covariance_YKK -= of_sums_YKK @ np.linalg.inv(variance_of_sums_KK) @ of_sums_YKK.transpose(0, 2, 1)
    own_Y = np.arange(class_count)
    variance_YK = np.diagonal(covariance_YKK, axis1=1, axis2=2)
    difference_YK = variance_YK + variance_YK[own_Y, own_Y][:, None] - 2 * covariance_YKK[own_Y, own_Y]
    variance_KK: Floats = difference_YK.T
    return variance_KK
