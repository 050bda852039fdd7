"""The devices of a training worker, and the locks that reserve GPUs for one run."""

import fcntl
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import torch

POLL_SECONDS = 0.5


def choose(named: str) -> list[str]:
    """Return the torch devices that train a run together: those named, else the first GPU, else the CPU."""
    if named:
        return [device.strip() for device in named.split(",")]
    return ["cuda:0" if torch.cuda.is_available() else "cpu"]


def name(devices: Sequence[str]) -> str:
    """Return a readable name of the devices of one run."""
    if devices[0] == "cpu":
        text = f"CPU {platform.machine()}, {max(1, torch.get_num_threads() // len(devices))} threads"
    else:
        text = str(torch.cuda.get_device_name(devices[0]))
    return text if len(devices) == 1 else f"{len(devices)} x {text}"


@contextmanager
def hold(devices: Sequence[str], *, give_up: Callable[[], bool]) -> Iterator[bool]:
    """Wait for GPUs and lock them against other trainings on this host; yield False if `give_up` came first.

    One run at a time uses a GPU, however many workers were started for it. CPUs are shared.
    """
    with ExitStack() as locks:
        yield all(locks.enter_context(_hold_device(device, give_up)) for device in devices)


@contextmanager
def _hold_device(device: str, give_up: Callable[[], bool]) -> Iterator[bool]:
    if device == "cpu":
        yield True
        return
    lock = Path(tempfile.gettempdir()) / f"limit-audit-{torch.cuda.get_device_properties(device).uuid}.lock"
    with lock.open("a") as file:
        while not _try_lock(file.fileno()):
            if give_up():
                yield False
                return
            Event().wait(POLL_SECONDS)
        yield True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def measure_memory(device: str) -> int | None:
    """Return the peak of memory that this process reserved on a GPU, in bytes; None on a CPU."""
    return None if device == "cpu" else torch.cuda.max_memory_reserved(device)
