"""Short reads in a few threads, first come, first served.

Reason: threads of one interpreter run one at a time. With sixteen concurrent reads all finish late and some
very late; a few threads with a queue have the same throughput and even latencies. Measured: see `AT_ONCE`.
Remove when the interpreter runs threads in parallel (no global lock).
"""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

Answer = TypeVar("Answer")
AT_ONCE = 2
"""One thread waits for PostgreSQL while the other computes: 16 clients got 459 pages/s, 414 with 1 or 3."""
_limiter = CapacityLimiter(AT_ONCE)


async def run_in_turn(read: Callable[[], Answer]) -> Answer:
    """Run a function in one of these threads and return its result."""
    return await to_thread.run_sync(read, limiter=_limiter)
