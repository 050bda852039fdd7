"""The label that is suggested for every sample, and the classes after it.

Shape suffixes: N samples, B samples of a block, K classes, 3 best classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.error_model.estimate import Estimate
from models.error_model.fitted_models import BLOCK_ELEMENTS
from models.error_model.sample_evidence import Evidence

TOP = 3


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """The suggested label of every sample first, then the likeliest other classes; -1 and 0 if K < 3."""

    labels_N3: npt.NDArray[np.int64]
    probabilities_N3: npt.NDArray[np.float32]
    """By the networks of the evidence."""


def choose_suggestions(estimate: Estimate, evidence: Evidence) -> Suggestions:
    """Return the suggested labels.

    The given label is suggested, unless the sample is flagged or another class is likelier by the networks;
    then it is the estimate's: the likeliest other class, given the label and how labels go wrong.
    """
    count = len(evidence.labels_N)
    labels_N3 = np.full((count, TOP), -1, dtype=np.int64)
    probabilities_N3 = np.zeros((count, TOP), dtype=np.float32)
    rows = max(1, BLOCK_ELEMENTS // evidence.class_count)
    for start in range(0, count, rows):
        block = slice(start, start + rows)
        probabilities_BK = evidence.probabilities_NK[block].astype(np.float32)
        given_B = evidence.labels_N[block]
        keeps_B = (probabilities_BK.argmax(1) == given_B) & ~estimate.is_flagged_N[block]
        suggested_B = np.where(keeps_B, given_B, estimate.suggested_N[block])
        best_BT = _order_classes(probabilities_BK, suggested_B)
        labels_N3[block, : best_BT.shape[1]] = best_BT
        probabilities_N3[block, : best_BT.shape[1]] = np.take_along_axis(probabilities_BK, best_BT, axis=1)
    return Suggestions(labels_N3=labels_N3, probabilities_N3=probabilities_N3)


def _order_classes(
    probabilities_BK: npt.NDArray[np.float32], first_B: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.int64]:
    """Return the first class of every row, then the most probable others, three in all."""
    key_BK = -probabilities_BK
    key_BK[np.arange(len(key_BK)), first_B] = -np.inf
    count = min(TOP, key_BK.shape[1])
    best_BT = np.argpartition(key_BK, count - 1, axis=1)[:, :count]
    order_BT = np.argsort(np.take_along_axis(key_BK, best_BT, axis=1), axis=1, kind="stable")
    ordered_BT: npt.NDArray[np.int64] = np.take_along_axis(best_BT, order_BT, axis=1)
    return ordered_BT
