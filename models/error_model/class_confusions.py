"""How many samples of each class got which label, by the likeliest forward model of one source of evidence.

The confusions that a network makes itself are told from wrong labels, as in the count: at sure samples a
network's own vanish. No prior makes the wrong labels even here; who uses the counts draws them to what chance
would make (`cross_fitting.ranking_evidence.measure_confusion`), by how well the labels tell them.

Shape suffixes: N samples, K classes, Y labels, F samples of the fit, P other parameters than T.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.cross_fitting.ranking_evidence import PRIOR_COUNT
from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.fitted_models import draw_fitted, has_too_many_classes
from models.error_model.forward_model import ForwardModel, fit_forward, infer_true_class, take_logs
from models.error_model.other_views import count_labels
from models.error_model.sample_evidence import Evidence

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Confusions:
    """What the likeliest model of the labels says of T and of the network, and how well labels tell it."""

    counts_KK: Floats
    """The expected number of samples of class k (row) that got label y (column)."""
    variance_KK: Floats
    """Of log T_ky - log T_yy; see `measure_variance`."""
    bias_K: Floats
    """What to add to the network's log-probabilities, so that it favours no class; see `shrink_bias`."""


def count_confusions(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: Labels,
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
        return Confusions(counts_KK=nothing_KK, variance_KK=nothing_KK, bias_K=nothing_KK[0])
    fitted_F = draw_fitted(evidence, seed, constants)
    labels_F = labels_N[fitted_F]
    logs_1FK = take_logs([probabilities_NK[fitted_F]], constants)
    model = fit_forward(logs_1FK, labels_F, constants)
    true_class = infer_true_class(model, logs_1FK, labels_F)
    information = TransitionInformation(true_class.posterior_NK, labels_F)
    return Confusions(
        counts_KK=count_labels(true_class.posterior_NK, labels_F),
        variance_KK=information.measure_variance(),
        bias_K=shrink_bias(
            model,
            logs_1FK[0],
            surprise_NK=true_class.posterior_NK - true_class.prior_NK,
            information=information,
            constants=constants,
        ),
    )


class TransitionInformation:
    """Fisher's information of labels about all of T.

    The log-likelihood of a sample's label y rises with log T_ky by r_k, the probability that its class is k,
    given y. So the samples of label y tell the sum of r r' about column y of T, and nothing of other columns:
    one matrix per label. Its inverse, with each row of T summing to 1, is the variance.
    """

    def __init__(self, posterior_NK: Floats, labels_N: Labels) -> None:
        """Invert the information.

        Args:
            posterior_NK: the true class's probabilities, given the label.
            labels_N: the given labels.

        """
        self._class_count = posterior_NK.shape[1]
        self._posterior_NK, self._labels_N = posterior_NK, labels_N
        counts_KK = count_labels(posterior_NK, labels_N) + PRIOR_COUNT
        transition_YK = (counts_KK / counts_KK.sum(1, keepdims=True)).T
        information_YKK = self._sum_by_label(posterior_NK)
        self._inverse_YKK = np.linalg.inv(information_YKK + PRIOR_COUNT * np.eye(self._class_count))
        # Row k of T sums to 1: the sum of T_ky times the change of log T_ky is 0.
        self._of_sums_YKK = self._inverse_YKK * transition_YK[:, None, :]
        self._sums_KK = np.linalg.inv((transition_YK[:, :, None] * self._of_sums_YKK).sum(0))

    def _sum_by_label(self, columns_NP: Floats) -> Floats:
        """Return the sums of the posterior times other columns, of the samples of each label [Y, K, P]."""
        parts = [self._labels_N == label for label in range(self._class_count)]
        return np.stack([self._posterior_NK[part_N].T @ columns_NP[part_N] for part_N in parts])

    def measure_variance(self) -> Floats:
        """Return the variance of log T_ky - log T_yy [K, K].

        If all classes are certain, it is that of binomial counts. If a network cannot tell whether samples
        labelled dog are cats, wrong labels of cats and right ones of dogs make the same labels likely, and
        it is larger (the missing information of Louis 1982). The model's scale and biases are taken as
        known, which matters most with two classes.
        """
        of_sums_YKK = self._of_sums_YKK
        covariance_YKK = self._inverse_YKK - of_sums_YKK @ self._sums_KK @ of_sums_YKK.transpose(0, 2, 1)
        own_Y = np.arange(self._class_count)
        variance_YK = np.diagonal(covariance_YKK, axis1=1, axis2=2)
        difference_YK = variance_YK + variance_YK[own_Y, own_Y][:, None] - 2 * covariance_YKK[own_Y, own_Y]
        variance_KK: Floats = difference_YK.T
        return variance_KK

    def leave(self, scores_NP: Floats) -> Floats:
        """Return the information about other parameters that is left while T is unknown [P, P].

        Args:
            scores_NP: the derivatives of each sample's log-likelihood by these parameters.

        """
        shared_YKP = self._sum_by_label(scores_NP)
        shared_YPK = shared_YKP.transpose(0, 2, 1)
        by_sums_PK = (shared_YPK @ self._of_sums_YKK).sum(0)
        taken_PP = (shared_YPK @ self._inverse_YKK @ shared_YKP).sum(0)
        left_PP: Floats = scores_NP.T @ scores_NP - taken_PP + by_sums_PK @ self._sums_KK @ by_sums_PK.T
        return left_PP


def shrink_bias(
    model: ForwardModel,
    logs_NK: Floats,
    *,
    surprise_NK: Floats,
    information: TransitionInformation,
    constants: Constants,
) -> Floats:
    """Return the model's biases, centred, as far as they stand out from chance, in units of the logs [K].

    Their squares sum to those of the true biases and the sum of the variances; the share that the variances
    leave is kept (James-Stein). The variance is the inverse of the information of labels and priors, while T
    and the scale are unknown.

    Args:
        model: of one source.
        logs_NK: its logarithms.
        surprise_NK: the true class's probabilities given the label less those without it.
        information: about T, of the same samples.
        constants: of the model.

    """
    centred_K = model.bias_K - model.bias_K.mean()
    scale = float(model.scale_M[0])
    # One bias is redundant: adding a constant to all changes nothing.
    scores_NP = np.column_stack([surprise_NK[:, 1:], (surprise_NK * logs_NK).sum(1)])
    of_priors_P = np.full(len(centred_K), 2 * constants.bias_penalty)
    of_priors_P[-1] = 2 * constants.scale_penalty / scale**2
    covariance_PP = np.linalg.inv(information.leave(scores_NP) + np.diag(of_priors_P))
    centring_KP = np.eye(len(centred_K))[:, 1:] - 1 / len(centred_K)
    variance_K = np.diag(centring_KP @ covariance_PP[:-1, :-1] @ centring_KP.T)
    square = max(float(centred_K @ centred_K), np.finfo(np.float64).tiny)
    shrunk_K: Floats = centred_K * max(0.0, 1 - float(variance_K.sum()) / square) / scale
    return shrunk_K
