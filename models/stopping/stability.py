"""The stability of a ranking: the rank correlation of consecutive epochs.

Shape suffix: N samples.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

TIMES = 2
"""Epochs in a row that must agree with the epoch before: one can agree by chance."""


class Stability:
    """Spearman's rank correlation between each epoch's ranking and that of the epoch before."""

    def __init__(self, *, threshold: float) -> None:
        """Set the least correlation of a stable ranking, needed `TIMES` times in a row; 0: never stable."""
        self._threshold = threshold
        self._rank_N: Tensor | None = None
        self._agreed = 0

    def compare(self, scores_N: Tensor) -> None:
        """Compare an epoch's scores with those of the epoch before; do nothing if the threshold is 0."""
        if self._threshold == 0:
            return
        rank_N = compute_ranks(scores_N)
        correlation = None if self._rank_N is None else correlate_ranks(self._rank_N, rank_N)
        self._rank_N = rank_N
        self._agreed = self._agreed + 1 if correlation is not None and correlation >= self._threshold else 0

    @property
    def is_over(self) -> bool:
        """Whether the ranking is stable."""
        return self._agreed >= TIMES

    def state(self) -> dict[str, Any]:
        """Return copies of all that `load_state` needs, on the CPU."""
        rank_N = None if self._rank_N is None else self._rank_N.cpu().clone()
        return {"ranks": rank_N, "agreed": self._agreed}

    def load_state(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from what `state` returned."""
        rank_N = state["ranks"]
        self._rank_N = None if rank_N is None else rank_N.to(device)
        self._agreed = state["agreed"]


def compute_ranks(scores_N: Tensor) -> Tensor:
    """Return every sample's rank 0 .. N - 1, the lowest score first; of equal scores the earlier sample."""
    place_N = torch.empty(len(scores_N), dtype=torch.int32, device=scores_N.device)
    order_N = scores_N.argsort(stable=True)
    place_N[order_N] = torch.arange(len(scores_N), dtype=torch.int32, device=scores_N.device)
    return place_N


def correlate_ranks(first_N: Tensor, second_N: Tensor) -> float:
    """Return Spearman's correlation in [-1, 1] of two rankings: 1 - 6 sum d^2 / (N (N^2 - 1))."""
    count = len(first_N)
    squares = (first_N.double() - second_N.double()).square().sum()
    return 1 - 6 * float(squares) / (count * (count**2 - 1))
