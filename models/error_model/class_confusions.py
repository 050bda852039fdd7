"""How many samples of each class got which label, by the likeliest forward model of one source of evidence.

The confusions that a network makes itself are told from wrong labels, as in the count: at sure samples a
network's own vanish. No prior makes the wrong labels even here; who uses the counts draws them to what chance
would make (`cross_fitting.ranking_evidence.measure_confusion`).

Shape suffixes: N samples, K classes, F samples of the fit.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.fitted_models import draw_fitted, has_too_many_classes
from models.error_model.forward_model import fit_forward, infer_true_class, take_logs
from models.error_model.other_views import count_labels
from models.error_model.sample_evidence import Evidence

Floats = npt.NDArray[np.float64]


def count_confusions(
    probabilities_NK: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    seed: int = 0,
    constants: Constants = CONSTANTS,
) -> Floats:
    """Return the expected count of samples of class k (row) that were labelled y (column) [K, K].

    They are samples of the fit: all, or as many as time allows. Of more classes than the samples could tell
    apart, all counts are 0.

    Args:
        probabilities_NK: class probabilities out of sample.
        labels_N: the given labels.
        seed: draws the samples of the fit.
        constants: of the model.

    """
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK)
    if has_too_many_classes(evidence, constants):
        return np.zeros((evidence.class_count,) * 2)
    fitted_F = draw_fitted(evidence, seed, constants)
    logs_1FK = take_logs([probabilities_NK[fitted_F]], constants)
    model = fit_forward(logs_1FK, labels_N[fitted_F], constants)
    true_class = infer_true_class(model, logs_1FK, labels_N[fitted_F])
    return count_labels(true_class.posterior_NK, labels_N[fitted_F])
