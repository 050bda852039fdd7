"""The label that is suggested for every sample, and the classes after it.

Shape suffixes: N samples, B samples of a block, K classes, 3 best classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.error_model.estimate import Estimate
from models.error_model.fitted_models import BLOCK_ELEMENTS
from models.error_model.likeliest_classes import TOP, find_likeliest
from models.error_model.sample_evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """The suggested label of every sample first, then the likeliest other classes; -1 and 0 if K < 3.

    Where another label than the given one is suggested, the classes are those of the estimate, and their
    probabilities those of being right *if the given label is wrong*. Elsewhere they are the networks'.
    """

    labels_N3: npt.NDArray[np.int64]
    probabilities_N3: npt.NDArray[np.float32]


def choose_suggestions(estimate: Estimate, evidence: Evidence) -> Suggestions:
    """Return the suggested labels.

    The given label is suggested, unless the sample is flagged or another class is likelier by the networks;
    then it is the estimate's: the likeliest other class, given the label and how labels go wrong.
    """
    count = len(evidence.labels_N)
    labels_N3 = np.empty((count, TOP), dtype=np.int64)
    probabilities_N3 = np.empty((count, TOP), dtype=np.float32)
    rows = max(1, BLOCK_ELEMENTS // evidence.class_count)
    for start in range(0, count, rows):
        block = slice(start, start + rows)
        best_B3, probability_B3 = find_likeliest(evidence.probabilities_NK[block].astype(np.float32))
        keeps_B = (best_B3[:, 0] == evidence.labels_N[block]) & ~estimate.is_flagged_N[block]
        labels_N3[block] = np.where(keeps_B[:, None], best_B3, estimate.others_N3[block])
        probabilities_N3[block] = np.where(
            keeps_B[:, None], probability_B3, estimate.other_probability_N3[block]
        )
    return Suggestions(labels_N3=labels_N3, probabilities_N3=probabilities_N3)
