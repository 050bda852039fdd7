"""How evenly the wrong labels of a class are spread over the other classes, by labels that were held out.

With many classes and few samples a free transition matrix takes a network's own confusions for noise.
Whether wrong labels have a structure that is worth so many parameters, only labels that were not fitted can
say: errors that go one way are found in them again, a network's chance confusions are not.
Shape suffixes: N samples, K classes, M sources.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.forward_model import fit_forward, infer_true_class

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
WITH_STRUCTURE = 3
"""Classes from which on a class has several others to be taken for."""


def choose_evenness(
    logs_MNK: Floats, labels_N: Labels, *, seed: int = 0, constants: Constants = CONSTANTS
) -> float:
    """Return the evenness, one of `Constants.evenness`, under which held-out labels are likeliest.

    Args:
        logs_MNK: `forward_model.take_logs`.
        labels_N: the given labels.
        seed: draws the parts that are held out.
        constants: of the model.

    """
    folds = constants.evenness_folds
    if logs_MNK.shape[2] < WITH_STRUCTURE or len(labels_N) < folds or len(constants.evenness) == 1:
        return constants.evenness[0]
    fold_N = np.random.default_rng(seed).permutation(len(labels_N)) % folds
    likelihoods = [
        sum(_score_held_out(logs_MNK, labels_N, fold_N == fold, evenness, constants) for fold in range(folds))
        for evenness in constants.evenness
    ]
    return constants.evenness[int(np.argmax(likelihoods))]


def _score_held_out(
    logs_MNK: Floats,
    labels_N: Labels,
    is_held_out_N: npt.NDArray[np.bool_],
    evenness: float,
    constants: Constants,
) -> float:
    """Return the log likelihood of held-out labels by a model that was fitted to the others."""
    kept_N = ~is_held_out_N
    model = fit_forward(logs_MNK[:, kept_N], labels_N[kept_N], constants, evenness=evenness)
    held_out_H = labels_N[is_held_out_N]
    prior_HK = infer_true_class(model, logs_MNK[:, is_held_out_N], held_out_H).prior_NK
    return float(np.log((prior_HK * model.transition_KK[:, held_out_H].T).sum(1)).sum())
