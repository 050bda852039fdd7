"""Two networks at once: on a CPU the second has a thread of its own, on a GPU a stream of its own.

Threads that share every operation of a network wait for each other at its end, some hundred times a step; two
networks meet twice a step. Torch's operations let go of Python while they compute. On a GPU small layers of
one network leave room for those of the other.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from models.configuration.training_config import TrainingConfig

First = TypeVar("First")
Second = TypeVar("Second")


def can_run(config: TrainingConfig, device: torch.device) -> bool:
    """Whether there are cores for both networks, and nothing that both draw from one generator in turn."""
    is_plain = config.dropout == 0 and not config.compiled
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return device.type == "cpu" and is_plain and 2 * torch.get_num_threads() <= cores


class SideBySide:
    """A thread that waits for the second network's work."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="second-network")

    def do(self, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
        """Return what both return; what either raises is raised once both have ended."""
        other = self._thread.submit(second)
        try:
            one = first()
        finally:
            other.exception()
        return one, other.result()


class TwoStreams:
    """A stream for the second network's kernels; autograd goes back on the stream that it came by."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._second = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def do(self, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
        """Return what both return, ready for whoever uses it on the present stream."""
        here = torch.cuda.current_stream(self._device)
        self._second.wait_stream(here)
        one = first()
        with torch.cuda.stream(self._second):
            other = second()
        here.wait_stream(self._second)
        return one, other
