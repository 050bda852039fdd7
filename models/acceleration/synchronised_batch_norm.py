"""Batch normalisation with the statistics of all processes' rows, for processes without GPUs.

Shape suffixes: B samples of a batch, C channels.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.nn import functional


class _Sum(Function):
    """The sum over all processes; its gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - autograd's context
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401 - autograd's context
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


class SynchronisedBatchNorm(nn.Module):
    """nn.BatchNorm1d or 2d over the batches of all processes; the state dict has the same names."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.register_buffer("running_mean", layer.running_mean)
        self.register_buffer("running_var", layer.running_var)
        self.register_buffer("num_batches_tracked", layer.num_batches_tracked)
        self.eps, self._momentum = layer.eps, layer.momentum or 0.0

    @classmethod
    def convert(cls, network: nn.Module) -> None:
        """Replace every batch normalisation in a network."""
        for name, child in network.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                network.add_module(name, cls(child))
            else:
                cls.convert(child)

    def forward(self, features: Tensor) -> Tensor:
        """Return normalised features of the same shape and type."""
        if not self.training:
            return functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        values = features.float()
        mean_C, variance_C = self._measure_statistics(values)
        shape = [1, -1] + [1] * (features.dim() - 2)
        scale_C = self.weight * torch.rsqrt(variance_C + self.eps)
        normalised = (values - mean_C.view(shape)) * scale_C.view(shape) + self.bias.view(shape)
        return normalised.to(features.dtype)

    def _measure_statistics(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance [C] over all processes, and update the running statistics."""
        others = [0, *range(2, values.dim())]
        count = values.new_full((1,), values.numel() / values.shape[1])
        own = torch.cat([values.sum(others), values.square().sum(others), count])
        sums: Tensor = _Sum.apply(own.double())
        (sum_C, square_C), count = sums[:-1].chunk(2), sums[-1]
        mean_C = sum_C / count
        variance_C = (square_C / count - mean_C.square()).clamp_min(0)
        with torch.no_grad():
            self.running_mean.lerp_(mean_C.float(), self._momentum)
            self.running_var.lerp_((variance_C * count / (count - 1)).float(), self._momentum)
            self.num_batches_tracked += 1
        return mean_C.float(), variance_C.float()
