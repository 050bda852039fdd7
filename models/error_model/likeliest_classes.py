"""The classes with the highest values of every row.

Shape suffixes: B samples of a block, K classes, T and 3 best classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

TOP = 3


def find_likeliest(
    value_BK: npt.NDArray[np.floating[Any]], *, without_B: npt.NDArray[np.integer[Any]] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the best classes [B, 3] and their values, the best first; of equal ones the first class.

    Where there are fewer classes, -1 and 0 follow.

    Args:
        value_BK: 0 or more.
        without_B: a class of every row that is left out.

    """
    rank_BK = value_BK.copy()
    if without_B is not None:
        rank_BK[np.arange(len(rank_BK)), without_B] = -1
    count = min(TOP, rank_BK.shape[1])
    best_BT = np.sort(np.argpartition(-rank_BK, count - 1, axis=1)[:, :count], axis=1)
    order_BT = np.argsort(-np.take_along_axis(rank_BK, best_BT, axis=1), axis=1, kind="stable")
    ordered_BT = np.take_along_axis(best_BT, order_BT, axis=1)
    found_BT = np.take_along_axis(rank_BK, ordered_BT, axis=1)
    classes_B3 = np.full((len(rank_BK), TOP), -1, dtype=np.int64)
    values_B3 = np.zeros((len(rank_BK), TOP), dtype=np.float32)
    classes_B3[:, :count] = np.where(found_BT >= 0, ordered_BT, -1)
    values_B3[:, :count] = found_BT.clip(0)
    return classes_B3, values_B3
