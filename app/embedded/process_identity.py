"""Processes told from all others, also from one that gets their number later; and those that were left."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

PROC = Path("/proc")
BOOT = PROC / "sys/kernel/random/boot_id"
STARTED_FIELD = 19
"""Of /proc/PID/stat after the name: the start time in clock ticks since boot, which no clock change moves."""
LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, by its number and its start."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the identity of a running process.

        Raises:
            psutil.NoSuchProcess, OSError: it has ended.

        """
        return cls(pid=pid, started=_read_start(pid))

    def is_alive(self) -> bool:
        """Return whether the process has not ended yet."""
        with contextlib.suppress(psutil.Error, OSError):
            is_zombie = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
            return not is_zombie and _read_start(self.pid) == self.started
        return False


def _read_start(pid: int) -> str:
    if not BOOT.exists():
        return str(psutil.Process(pid).create_time())
    after_name = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2]
    return f"{BOOT.read_text(encoding='utf-8').strip()} {int(after_name.split()[STARTED_FIELD])}"


def find_marked(mark: str) -> list[psutil.Process]:
    """Return the processes whose environment has this entry, `NAME=value`."""
    name, _, value = mark.partition("=")
    return [process for process in _list_others() if _read_environment(process).get(name) == value]


def _read_environment(process: psutil.Process) -> dict[str, str]:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ()
    return {}


def find_postgres(folder: Path) -> list[psutil.Process]:
    """Return the PostgreSQL processes of a database folder: it is where each of them works."""
    found = []
    for process in _list_others():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == "postgres" and Path(process.cwd()).samefile(folder):
                found.append(process)
    return found


def _list_others() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def stop_all(
    find: Callable[[], list[psutil.Process]], *, signals: dict[signal.Signals, float]
) -> list[psutil.Process]:
    """Send each signal in turn to what is found until nothing is; each is given these seconds.

    A process that comes to light meanwhile gets the signal too. Returns what is left.
    """
    for number, seconds in signals.items():
        deadline = time.monotonic() + seconds
        told: set[psutil.Process] = set()
        while left := find():
            for process in set(left) - told:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            told |= set(left)
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        else:
            return []
    return find()
