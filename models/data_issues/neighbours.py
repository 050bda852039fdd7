"""The nearest samples of every sample, found by `neighbour_search`, and the disagreement of their labels.

Shape suffixes: N samples, k neighbours.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 10
"""Neighbours by which duplicates, outliers and the disagreement of labels are found."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest other samples of every sample, nearest first."""

    index_Nk: npt.NDArray[np.int32]
    similarity_Nk: npt.NDArray[np.float32]
    """Cosine, -1 to 1."""

    def take(self, count: int) -> Self:
        """Return the nearest `count` of each."""
        return replace(self, index_Nk=self.index_Nk[:, :count], similarity_Nk=self.similarity_Nk[:, :count])


def measure_disagreement(
    neighbours: Neighbours, labels_N: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float32]:
    """Return the share of a sample's neighbours with another given label [N], weighted by similarity.

    In [0, 1]; high = the given label is probably wrong.
    """
    weight_Nk = neighbours.similarity_Nk.clip(1e-3)
    differs_Nk = labels_N[neighbours.index_Nk] != labels_N[:, None]
    share_N: npt.NDArray[np.float32] = (weight_Nk * differs_Nk).sum(1) / weight_Nk.sum(1)
    return share_N.astype(np.float32)
