"""Which device a training worker uses."""

import fcntl
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import torch

POLL_SECONDS = 0.5


def choose() -> str:
    """Return the torch device of this process: the first GPU it may see, else the CPU."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def name(device: str) -> str:
    """Return what a person would call a device."""
    if device == "cpu":
        return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"
    return str(torch.cuda.get_device_name(device))


@contextmanager
def held(device: str, *, give_up: Callable[[], bool]) -> Iterator[bool]:
    """Hold a GPU against every other training of this host, waiting for it; False: `give_up` came first.

    One run at a time has a GPU, whatever number of workers was started for it. CPUs are shared.
    """
    if device == "cpu":
        yield True
        return
    lock = Path(tempfile.gettempdir()) / f"limit-audit-{torch.cuda.get_device_properties(device).uuid}.lock"
    with lock.open("a") as file:
        while not _locked(file.fileno()):
            if give_up():
                yield False
                return
            Event().wait(POLL_SECONDS)
        yield True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def memory_bytes(device: str) -> int | None:
    """Return the most memory that this process has held on a GPU; None on a CPU."""
    return None if device == "cpu" else torch.cuda.max_memory_reserved(device)
