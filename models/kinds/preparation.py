"""The preparation of raw rows for a network, and its last step: zero mean and unit variance."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

OUTLIER_LIMIT = 10.0
"""Standardised values are clipped to plus or minus this, so that an extreme value cannot dominate a batch."""


@dataclass(frozen=True, kw_only=True)
class Standardisation:
    """(x - mean) / deviation over the last axis, clipped to plus or minus `OUTLIER_LIMIT`."""

    mean_C: Tensor
    deviation_C: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Return standardised float32 values of the same shape."""
        standard = (values.float() - self.mean_C) / self.deviation_C
        return standard.clamp(-OUTLIER_LIMIT, OUTLIER_LIMIT)


class Preparation(Protocol):
    """Converts raw rows into a network's input, as standardised float32."""

    def prepare_training(self, rows_B: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch with random augmentation, [B, C, S, S] or [B, D]."""
        ...

    def prepare_plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch without augmentation, [B, C, S, S] or [B, D]."""
        ...
