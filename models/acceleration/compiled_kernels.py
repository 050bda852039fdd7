"""Compiled kernels for the networks (torch.compile), if a configuration asks for them.

A network's repeated blocks are compiled instead of the complete network: blocks of one shape share their
kernels, across both networks too. Compiling two ResNet-34 takes 27 s on an H200; steps are then 1.2 times as
fast (docs/speed.md). On CPUs compiling is not worth it: with the C++ backend the networks of Table 3 were no
faster, after two minutes of compiling (bench/defaults/RESULTS.md).
"""

import logging
from functools import cache
from typing import Any

import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from models.networks.architectures import Network
from models.networks.residual import Residual

BACKEND = "inductor"
MOST_VARIANTS = 64
"""Most variants of a block: its shapes, each with an epoch's two batch sizes."""

log = logging.getLogger(__name__)


class CompiledForward:
    """A module's forward pass: compiled in training mode, unchanged in evaluation mode."""

    def __init__(self, module: nn.Module) -> None:
        self._module, self._plain = module, module.forward
        # One graph per batch size: an epoch has at most two sizes, and fixed sizes make better kernels.
        self._kernels: Any = torch.compile(module.forward, backend=BACKEND, dynamic=False)

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - the module decides the type
        """Call the kernels, which are compiled at the first call with each shape."""
        if not self._module.training:
            return self._plain(*arguments)
        try:
            return self._kernels(*arguments)
        except TorchDynamoException as error:
            log.warning("%s was not compiled: %s", type(self._module).__name__, error)
            self._kernels = self._plain
            return self._plain(*arguments)


def compile_parts(network: Network, device: torch.device) -> None:
    """Compile the blocks of a residual network, or any other network up to its last layer.

    If this machine cannot compile, the network stays unchanged: slower, with the same numbers.
    """
    if not can_compile(device):
        return
    torch._dynamo.config.recompile_limit = MOST_VARIANTS  # noqa: SLF001 - documented by torch
    for part in _split_parts(network.trunk):
        part.forward = CompiledForward(part)


def _split_parts(trunk: nn.Module) -> list[nn.Module]:
    """Return a residual network's stem and blocks, or any other trunk as one part."""
    children = list(trunk.children())
    if not any(isinstance(child, Residual) for child in children):
        return [trunk]
    return [child for child in children if next(child.parameters(), None) is not None]


@cache
def can_compile(device: torch.device) -> bool:
    """Return whether this machine can compile kernels; one small function and its gradient are tried once."""
    try:
        values = torch.ones(8, device=device, requires_grad=True)
        doubled = torch.compile(lambda numbers: (2 * numbers).relu().sum(), backend=BACKEND)
        doubled(values).backward()
    except Exception as error:  # noqa: BLE001 - a missing compiler, header or Triton each raise other errors
        log.warning("Networks are not compiled, because this machine cannot compile kernels: %s", error)
        return False
    return True
