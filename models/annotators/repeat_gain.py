"""What one more label of a sample is worth.

Shape suffixes: N samples, K classes, B samples of a block, T labels.
"""

import numpy as np
import numpy.typing as npt

from models.annotators.annotations import SMALLEST, Floats

EXACT_CLASSES = 20
LABELS_TRIED = 5
"""With more classes than `EXACT_CLASSES` only so many likely answers are told apart: a lower bound of the
gain."""
BLOCK_CELLS = 2_000_000


def measure_gain(eta_NK: Floats, weight_NK: Floats, common_KL: Floats, *, misled: float) -> Floats:
    """Return by how much one more label would raise the probability of the consensus label, on average [N].

    That is the expected number of wrong consensus labels that it avoids: the mean of max P(z | labels and l)
    over the answers l of an annotator like the others, minus max P(z | labels). It is 0 where no answer
    would change the consensus, and where all annotators may be misled alike: then somebody else must look.
    """
    gain_N = np.empty(len(eta_NK))
    rows = max(1, BLOCK_CELLS // (eta_NK.shape[1] * LABELS_TRIED))
    for start in range(0, len(eta_NK), rows):
        block = slice(start, start + rows)
        gain_N[block] = _measure_block(eta_NK[block], weight_NK[block], common_KL, misled)
    return gain_N


def _measure_block(eta_BK: Floats, weight_BK: Floats, common_KL: Floats, misled: float) -> Floats:
    class_count = eta_BK.shape[1]
    other = misled / max(class_count - 1, 1)
    same = 1 - misled - other
    now_BK = eta_BK * (same * weight_BK + other * weight_BK.sum(1, keepdims=True))
    total_B = np.maximum(now_BK.sum(1), SMALLEST)
    rest_BK, expected_B = now_BK.copy(), np.zeros(len(eta_BK))
    for label_B in _list_answers(now_BK):
        answer_BK = weight_BK * common_KL[:, label_B].T
        then_BK = eta_BK * (same * answer_BK + other * answer_BK.sum(1, keepdims=True))
        expected_B += then_BK.max(1)
        rest_BK -= then_BK
    if class_count > EXACT_CLASSES:
        expected_B += rest_BK.max(1).clip(min=0)
    gain_B: Floats = ((expected_B - now_BK.max(1)) / total_B).clip(0, 1)
    return gain_B


def _list_answers(now_BK: Floats) -> list[npt.NDArray[np.int64]]:
    count, class_count = now_BK.shape
    if class_count <= EXACT_CLASSES:
        return [np.full(count, label) for label in range(class_count)]
    best_BT = np.argpartition(-now_BK, LABELS_TRIED, axis=1)[:, :LABELS_TRIED]
    return list(best_BT.T)
