"""Kernels made for the networks at hand (torch.compile), where a configuration asks for them.

Blocks that a network repeats are compiled and not the whole: blocks of one shape share their kernels, also
those of both networks. Two ResNet-34 take 27 s on an H200 and step 1.2 times as fast then (docs/speed.md).
On CPUs it does not pay: with the C++ backend the networks of Table 3 stepped no faster, after two minutes of
compiling (bench/defaults/RESULTS.md).
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
"""Of a block: its shapes, each with the two sizes of batch that an epoch has."""

log = logging.getLogger(__name__)


class Compiled:
    """A module's forward as kernels while the module trains; as it was while it scores."""

    def __init__(self, module: nn.Module) -> None:
        self._module, self._plain = module, module.forward
        # One graph for each size of batch: sizes differ by one at most, and fixed ones make better kernels.
        self._kernels: Any = torch.compile(module.forward, backend=BACKEND, dynamic=False)

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - what the module returns
        """Call the kernels, made at the first call of each shape."""
        if not self._module.training:
            return self._plain(*arguments)
        try:
            return self._kernels(*arguments)
        except TorchDynamoException as error:
            log.warning("%s is not compiled: %s", type(self._module).__name__, error)
            self._kernels = self._plain
            return self._plain(*arguments)


def compile_parts(network: Network, device: torch.device) -> None:
    """Have the blocks of a residual network compiled; of any other network all up to its last layer.

    Where no kernels can be made, the network stays as it is: slower, and the same numbers.
    """
    if not can_compile(device):
        return
    torch._dynamo.config.recompile_limit = MOST_VARIANTS  # noqa: SLF001 - documented by torch
    for part in _parts(network.trunk):
        part.forward = Compiled(part)


def _parts(trunk: nn.Module) -> list[nn.Module]:
    """Return a residual network's blocks and what leads to them; any other network as one."""
    children = list(trunk.children())
    if not any(isinstance(child, Residual) for child in children):
        return [trunk]
    return [child for child in children if next(child.parameters(), None) is not None]


@cache
def can_compile(device: torch.device) -> bool:
    """Whether kernels can be made on this machine: a small function and its gradient are tried once."""
    try:
        values = torch.ones(8, device=device, requires_grad=True)
        doubled = torch.compile(lambda numbers: (2 * numbers).relu().sum(), backend=BACKEND)
        doubled(values).backward()
    except Exception as error:  # noqa: BLE001 - no C compiler, no headers, no Triton: each has errors of its own
        log.warning("Networks are not compiled, since kernels cannot be made here: %s", error)
        return False
    return True
