"""Two networks at once: the second runs in its own thread on a CPU, and in its own stream on a GPU.

Threads that share every operation wait for each other after each, some hundred times a step; two networks
wait twice a step. Torch releases Python's global lock while it computes. On a GPU, small layers of one
network leave room for those of the other.
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
    """Return whether there are cores for both networks, and no generator that both draw from in turn."""
    is_plain = config.dropout == 0 and not config.compiled
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return device.type == "cpu" and is_plain and 2 * torch.get_num_threads() <= cores


class SideBySide:
    """A thread for the second network's work."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="second-network")

    def do(self, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
        """Return both results; an error of either is raised after both have ended."""
        other = self._thread.submit(second)
        try:
            one = first()
        finally:
            other.exception()
        return one, other.result()


class TwoStreams:
    """A stream for the second network's kernels; its backward pass runs on the same stream."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._second = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def do(self, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
        """Return both results, ready for use on the current stream."""
        current = torch.cuda.current_stream(self._device)
        self._second.wait_stream(current)
        one = first()
        with torch.cuda.stream(self._second):
            other = second()
        current.wait_stream(self._second)
        return one, other
