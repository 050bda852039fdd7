"""Kernels made for the networks at hand (torch.compile), where a configuration asks for them.

On CPUs it does not: with the C++ backend the networks of Table 3 stepped no faster, after two minutes of
compiling (bench/defaults/RESULTS.md).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException

BACKEND = "inductor"


class Compiled:
    """A function of tensors as compiled kernels; where they cannot be made, the function itself."""

    def __init__(
        self, function: Callable[..., Any], *, backend: str | Callable[..., Any] | None = None
    ) -> None:
        self._function = function
        # One graph for each batch size: sizes differ by one at most, and fixed ones make better kernels.
        self._kernels: Callable[..., Any] = torch.compile(function, backend=backend or BACKEND, dynamic=False)

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - what the function returns
        """Call the kernels, made at the first call."""
        try:
            return self._kernels(*arguments)
        except TorchDynamoException:  # no C compiler, say: slower, and the same result
            self._kernels = self._function
            return self._function(*arguments)
