"""What the process that reads an upload may take: memory, processor time, and its place behind other work."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.http.resource_limits import limit_memory
from worker.formats.pictures import decoding_clock
from worker.formats.shared.upload_limits import IngestLimits

MEBIBYTE = 2**20
PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 1.0
LONG_SECONDS, NICENESS = 10.0, 5
"""An upload that has taken this much processor time steps behind requests and short uploads: on one busy core
they keep three quarters of it (the kernel's weights are 1024 and 335)."""


def die_with_parent() -> None:
    """Have the system kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_process(
    memory_bytes: int, upload_bytes: int, limits: IngestLimits, on_slow_picture: Callable[[], None]
) -> None:
    """Limit this process; it is ended by SIGXCPU when it has used up its processor time.

    Args:
        memory_bytes: data on top of what the libraries have reserved.
        upload_bytes: of all files; more of them get more time.
        limits: `max_cpu_seconds`, `cpu_seconds_per_mebibyte` and `max_picture_seconds` are used.
        on_slow_picture: is called, in another thread, when one picture has taken too long.

    """
    limit_memory(memory_bytes)
    seconds = count_cpu_seconds(upload_bytes, limits)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    watching = partial(_watch, limits.max_picture_seconds, on_slow_picture)
    threading.Thread(target=watching, daemon=True, name="limits").start()


def _watch(picture_seconds: float, on_slow_picture: Callable[[], None]) -> None:
    is_long = False
    while decoding_clock.find_longest() <= picture_seconds:
        if not is_long and time.process_time() > LONG_SECONDS:
            is_long = True
            _step_back()
        time.sleep(LOOK_SECONDS)
    on_slow_picture()


def _step_back() -> None:
    """Lower the priority of every thread; Linux keeps one for each, and a new thread has its maker's."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.setpriority(os.PRIO_PROCESS, int(thread.name), NICENESS)


def count_cpu_seconds(upload_bytes: int, limits: IngestLimits) -> int:
    """Return the processor time for reading an upload of this size."""
    return limits.max_cpu_seconds + limits.cpu_seconds_per_mebibyte * upload_bytes // MEBIBYTE
