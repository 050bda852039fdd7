"""What is believed of a sample's class before its annotators are heard.

Shape suffixes: N samples, K classes, F samples of the fit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from models.annotators.annotations import SMALLEST, Floats

LEAST_PROBABILITY = 1e-4
"""Floor of a classifier's probabilities: one sample cannot outvote ten thousand others (as in the model of
label errors)."""
SCALE_PENALTY, BIAS_PENALTY = 0.02, 0.5
"""Weights of (log a)^2 and b^2, as in the model of label errors."""
SCALE_BOUNDS, BIAS_BOUNDS = (1e-3, 60.0), (-4.0, 4.0)
FITTED_MAX = 20_000
"""Samples that scale and biases are fitted to; K + 1 numbers need no more. Time, not statistics."""
FIT_ROUNDS = 50


@dataclass(kw_only=True)
class ClassPrior:
    """Class probabilities of each sample before its own labels: a calibrated classifier's, or class shares.

    A sample whose row of the classifier is not out of sample gets the class shares: that row has already
    learned the labels that are combined with it here.
    """

    logs_NK: Floats | None
    """Centred logarithms of the classifier's probabilities; None: there is no classifier."""
    is_known_N: npt.NDArray[np.bool_]
    """Which rows of the classifier are out of sample."""
    scale: float = 1.0
    bias_K: Floats
    share_K: Floats

    @classmethod
    def start(
        cls,
        probabilities_NK: npt.NDArray[np.floating[Any]] | None,
        is_out_of_sample_N: npt.NDArray[np.bool_] | None,
        *,
        shape: tuple[int, int],
    ) -> "ClassPrior":
        """Return a prior that has not been fitted."""
        sample_count, class_count = shape
        logs_NK = None
        is_known_N = np.zeros(sample_count, dtype=np.bool_)
        if probabilities_NK is not None:
            logs_NK = np.log(np.maximum(probabilities_NK.astype(np.float64), LEAST_PROBABILITY))
            logs_NK -= logs_NK.mean(1, keepdims=True)
            is_known_N |= True if is_out_of_sample_N is None else is_out_of_sample_N
        return cls(
            logs_NK=logs_NK,
            is_known_N=is_known_N,
            bias_K=np.zeros(class_count),
            share_K=np.full(class_count, 1 / class_count),
        )

    @property
    def has_classifier(self) -> bool:
        """Return whether a classifier speaks of any sample."""
        return self.logs_NK is not None and bool(self.is_known_N.any())

    def compute(self) -> Floats:
        """Return the probabilities [N, K]; rows sum to 1."""
        if self.logs_NK is None:
            return np.broadcast_to(self.share_K, (len(self.is_known_N), len(self.share_K))).copy()
        prior_NK: Floats = softmax(self.scale * self.logs_NK + self.bias_K, axis=1)
        prior_NK[~self.is_known_N] = self.share_K
        return prior_NK

    def fit(self, class_NK: Floats, labelled_N: npt.NDArray[np.bool_], *, seed: int) -> None:
        """Set shares, scale and biases to the likeliest ones for class probabilities of the labelled samples.

        Together with the E step this maximises the likelihood of the annotators' labels, of which the
        classifier has seen none of the same sample: so the scale is a calibration on held-out labels.
        """
        smoothed_K = class_NK[labelled_N].sum(0) + 1
        self.share_K = smoothed_K / smoothed_K.sum()
        usable = np.flatnonzero(labelled_N & self.is_known_N)
        if self.logs_NK is None or not len(usable):
            return
        if len(usable) > FITTED_MAX:
            usable = np.random.default_rng(seed).choice(usable, FITTED_MAX, replace=False)
        logs_FK, target_FK = self.logs_NK[usable], class_NK[usable]
        found = minimize(
            _measure_loss,
            np.concatenate([[self.scale], self.bias_K]),
            args=(logs_FK, target_FK),
            jac=True,
            method="L-BFGS-B",
            bounds=[SCALE_BOUNDS] + [BIAS_BOUNDS] * len(self.bias_K),
            options={"maxiter": FIT_ROUNDS},
        )
        self.scale, self.bias_K = float(found.x[0]), found.x[1:]


def _measure_loss(vector: Floats, logs_FK: Floats, target_FK: Floats) -> tuple[float, Floats]:
    """Return the cross entropy with penalties, and its gradient by scale and biases."""
    scale, bias_K = vector[0], vector[1:]
    log_prior_FK = log_softmax(scale * logs_FK + bias_K, axis=1)
    excess_FK = np.exp(log_prior_FK) - target_FK
    log_scale = np.log(max(scale, SMALLEST))
    loss = -(target_FK * log_prior_FK).sum() + SCALE_PENALTY * log_scale**2 + BIAS_PENALTY * (bias_K**2).sum()
    by_scale = (excess_FK * logs_FK).sum() + 2 * SCALE_PENALTY * log_scale / scale
    return float(loss), np.concatenate([[by_scale], excess_FK.sum(0) + 2 * BIAS_PENALTY * bias_K])
