"""The processor time that each picture takes which is being decoded: one must not take a whole upload's."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_started: dict[int, float] = {}
"""By thread: its processor time when it began with its picture."""


@contextmanager
def measure() -> Iterator[None]:
    """Let the decoding in this block be watched."""
    thread = threading.get_ident()
    with _lock:
        _started[thread] = time.thread_time()
    try:
        yield
    finally:
        with _lock:  # a thread that is being looked at may not end
            del _started[thread]


def find_longest() -> float:
    """Return the processor time, in seconds, that the slowest of these pictures has taken so far."""
    with _lock:
        return max(
            (
                time.clock_gettime(time.pthread_getcpuclockid(thread)) - started
                for thread, started in _started.items()
            ),
            default=0.0,
        )
