"""The average of the signals of several trainings of the same samples.

Shape suffixes: N samples, 3 best classes of a training, M best classes of all trainings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Signals = Mapping[str, npt.NDArray[Any]]
"""The fields of `signals.Signals` by name."""
TOP = 3


def average_signals(trainings: Sequence[Signals]) -> Signals:
    """Return the mean of every signal that all trainings have; the signals of a single one are unchanged.

    A signal that a training did not measure, such as memorisation without folds, is left out. A class's
    probability is averaged over all trainings; it is 0 if it is not among a training's three best.
    """
    if len(trainings) == 1:
        return trainings[0]
    labels_N3, probabilities_N3 = _find_best(
        np.concatenate([signals["top_labels_N3"] for signals in trainings], axis=1),
        np.concatenate([signals["top_probabilities_N3"] for signals in trainings], axis=1),
    )
    shared = set.intersection(*(set(signals) for signals in trainings)) - {
        "top_labels_N3",
        "top_probabilities_N3",
    }
    means = {name: np.stack([signals[name] for signals in trainings]).mean(axis=0) for name in sorted(shared)}
    return {
        **means,
        "top_labels_N3": labels_N3,
        "top_probabilities_N3": probabilities_N3 / len(trainings),
    }


def _find_best(
    labels_NM: npt.NDArray[np.int64], parts_NM: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the three classes with the largest sums of parts, and the sums; of equals, the smaller class."""
    order_NM = np.argsort(labels_NM, axis=1, kind="stable")
    labels_NM = np.take_along_axis(labels_NM, order_NM, axis=1)
    sums_NM = np.take_along_axis(parts_NM, order_NM, axis=1)
    for place in range(1, labels_NM.shape[1]):
        # The sums of equal classes move to the last place of that class.
        is_same_N = labels_NM[:, place] == labels_NM[:, place - 1]
        sums_NM[:, place] += np.where(is_same_N, sums_NM[:, place - 1], 0)
        sums_NM[is_same_N, place - 1] = -1
    sums_NM = np.where(labels_NM < 0, -1, sums_NM)
    best_N3 = np.argsort(-sums_NM, axis=1, kind="stable")[:, :TOP]
    sums_N3 = np.take_along_axis(sums_NM, best_N3, axis=1)
    labels_N3 = np.where(sums_N3 < 0, -1, np.take_along_axis(labels_NM, best_N3, axis=1))
    return labels_N3, np.maximum(sums_N3, 0).astype(np.float32)
