"""Dropout with its own generator, so that a resumed training draws the numbers of an uninterrupted one."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Dropout: in training it sets each input to 0 with probability `rate` and scales up the others."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs after dropout; in evaluation mode unchanged."""
        if not self.training or self._rate == 0:
            return inputs
        drawn = torch.rand(inputs.shape, generator=self.generator, device=inputs.device)
        return inputs * ((drawn >= self._rate) / (1 - self._rate)).to(inputs.dtype)
