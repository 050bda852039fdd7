"""Dropout from a generator of its own, so that a resumed training draws what an unbroken one would have."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Sets each input to 0 with probability `rate` while training, and scales up the others."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what is left of the inputs; all of them in evaluation mode."""
        if not self.training or self._rate == 0:
            return inputs
        drawn = torch.rand(inputs.shape, generator=self.generator, device=inputs.device)
        return inputs * ((drawn >= self._rate) / (1 - self._rate)).to(inputs.dtype)
