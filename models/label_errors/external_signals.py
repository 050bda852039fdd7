"""Signals from external probabilities, those of a user's own model, instead of a training.

The probabilities should be out of sample: a model trained on a wrong label has learned it. Shape suffixes: N
samples, B samples of a block, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.catalogue.choices import DEFAULT_SCORE
from models.ranking.ranking_scores import RANKING_SCORES
from models.training.signals import TOP, Signals

LEAST = 1e-12
BLOCK_ROWS = 65_536


def derive_signals(
    probabilities_NK: npt.NDArray[np.float32], labels_N: npt.NDArray[np.integer[Any]]
) -> Signals:
    """Return the signals of these probabilities about the given labels, as if from a scoring network.

    The gradient norm is 0, because nothing was trained. The margin is that of log-probabilities, which differ
    from logits by a constant per row.
    """
    parts = [slice(start, start + BLOCK_ROWS) for start in range(0, len(labels_N), BLOCK_ROWS)]
    blocks = [_derive_block(np.asarray(probabilities_NK[part]), labels_N[part]) for part in parts]
    arrays = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return Signals.from_untrained({**arrays, "score": RANKING_SCORES[DEFAULT_SCORE].compute(arrays)})


def _derive_block(
    probabilities_BK: npt.NDArray[np.float32], labels_B: npt.NDArray[np.integer[Any]]
) -> dict[str, npt.NDArray[Any]]:
    row = np.arange(len(labels_B))
    given_B = probabilities_BK[row, labels_B]
    difference_BK = probabilities_BK.copy()
    difference_BK[row, labels_B] -= 1
    distance_B = np.sqrt((difference_BK**2).sum(axis=1))
    difference_BK[row, labels_B] = -1
    best_other_B = difference_BK.max(axis=1)
    log_given_B, log_other_B = (np.log(np.maximum(each, LEAST)) for each in (given_B, best_other_B))
    order_BT = np.argsort(-probabilities_BK, axis=1, kind="stable")[:, :TOP]
    missing = ((0, 0), (0, TOP - order_BT.shape[1]))
    margin_B = log_given_B - log_other_B
    return {
        "distance": distance_B,
        "distance_average": distance_B,
        "distance_last": distance_B,
        "margin": margin_B,
        "given_label_probability": given_B,
        "top_labels_N3": np.pad(order_BT, missing, constant_values=-1),
        "top_probabilities_N3": np.pad(np.take_along_axis(probabilities_BK, order_BT, axis=1), missing),
        "loss": -log_given_B,
    }
