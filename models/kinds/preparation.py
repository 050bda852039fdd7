"""What turns raw rows into a network's input, and its last step: zero mean and unit variance."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

OUTLIER_LIMIT = 10.0
"""Standardised values are cut here, so that one absurd feature value cannot drown a batch."""


@dataclass(frozen=True, kw_only=True)
class Standardisation:
    """(x - mean) / deviation, cut at `OUTLIER_LIMIT`; over the last axis of what it is given."""

    mean_C: Tensor
    deviation_C: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Return standardised float32 values of the same shape."""
        standard = (values.float() - self.mean_C) / self.deviation_C
        return standard.clamp(-OUTLIER_LIMIT, OUTLIER_LIMIT)


class Preparation(Protocol):
    """Turns raw rows into what a network takes, as standardised float32."""

    def training(self, rows_B: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch with random augmentation, [B, C, S, S] or [B, D]."""
        ...

    def plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch without augmentation, [B, C, S, S] or [B, D]."""
        ...
