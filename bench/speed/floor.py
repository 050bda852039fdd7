"""The lower limit of training time: the same two networks step on one preloaded batch, nothing else.

On a GPU its steps are replayed as ours are, one network after the other.

Shape suffixes: B samples of a batch, K classes.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.acceleration.cuda_graphs import StepGraphs, can_replay
from models.configuration.training_config import TrainingConfig
from models.networks import architectures
from models.networks.memory_layout import choose_memory_format
from models.paper import limit
from models.training.network_shapes import make_classifier_shape

PRODUCT_SIDE = 2_048


class Floor:
    """Classifier and predictor with LIMIT_L's losses and fused Adam, in the configuration's arithmetic."""

    def __init__(
        self, config: TrainingConfig, *, channels: int, class_count: int, device: torch.device
    ) -> None:
        shape = make_classifier_shape(config, channels=channels, class_count=class_count)
        layout = choose_memory_format(device)
        self._device, self._config = device, config
        self._networks = [
            architectures.build(config.network, each, seed=seed).to(device).to(memory_format=layout).train()
            for seed, each in enumerate((shape, replace(shape, is_predictor=True)))
        ]
        self.parameters = [parameter for network in self._networks for parameter in network.parameters()]
        is_replayed = can_replay(config, device)
        self._optimiser = torch.optim.Adam(
            self.parameters, config.learning_rate, fused=True, capturable=is_replayed
        )
        self._labels_B = torch.randint(class_count, (config.batch_size,), device=device)
        self._targets_BK = limit.encode_one_hot(self._labels_B, class_count)
        self._replayed = StepGraphs(device) if is_replayed else None
        self._inputs = self._batch(channels, layout)

    def _batch(self, channels: int, layout: torch.memory_format) -> Tensor:
        count, side = self._config.batch_size, self._config.input_size
        if side is None:
            return torch.randn(count, channels, device=self._device)
        images = torch.randn(count, channels, side, side, device=self._device)
        return images.contiguous(memory_format=layout)

    def step(self) -> None:
        """Do one step of Alg. 1."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._config.precision == "bf16"):
            a_BK, b_BK = (network(self._inputs).float() for network in self._networks)
        gradient_BK = limit.compute_cross_entropy_gradient(a_BK.detach(), self._targets_BK)
        predicted_BK = limit.compute_predicted_gradient(a_BK, b_BK)
        loss_B = limit.compute_predictor_loss(
            predicted_BK, gradient_BK, gradient_model=limit.GradientModel.LAPLACE, beta=self._config.beta
        )
        self._optimiser.zero_grad(set_to_none=True)
        loss = limit.compute_surrogate_loss(a_BK, predicted_BK) + loss_B.mean()
        loss.backward()
        self._optimiser.step()

    def run(self, steps: int) -> None:
        """Do so many steps and wait for the device."""
        step: Callable[..., Any] = self.step  # what a step says is handed back alone; this one says nothing
        for _ in range(steps):
            if self._replayed is None:
                self.step()
            else:
                self._replayed.do(lambda *_: step(), self._inputs, self._labels_B, True)  # noqa: FBT003
        wait_for(self._device)

    def score(self, samples: int, batch_size: int) -> None:
        """Have the predictor look at so many samples once, in batches, and wait for the device."""
        predictor, inputs = self._networks[1].eval(), self._inputs
        batch = inputs.repeat(-(-batch_size // len(inputs)), *[1] * (inputs.ndim - 1))[:batch_size]
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._config.precision == "bf16"),
        ):
            for _ in range(-(-samples // batch_size)):
                predictor(batch)
        predictor.train()
        wait_for(self._device)

    def operations(self) -> float:
        """Return the floating-point operations of one step, multiplications and additions."""
        with FlopCounterMode(display=False) as counter:
            self.step()
        return float(counter.get_total_flops())


class Product:
    """A square matrix product, which shows the highest rate that the device reaches."""

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
        side = PRODUCT_SIDE * (4 if device.type == "cuda" else 1)
        self._device = device
        self._left, self._right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        self.operations = 2.0 * side**3

    def run(self, count: int = 1) -> None:
        """Multiply so many times and wait for the device."""
        for _ in range(count):
            self._left @ self._right
        wait_for(self._device)


def wait_for(device: torch.device) -> None:
    """Return once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
