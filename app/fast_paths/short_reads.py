"""Short reads that take turns instead of getting in each other's way.

Reason: threads of one interpreter run one at a time. Of sixteen that read pages at once all end late, and
some very late; a few, followed by others in the order of their arrival, do as much and end evenly.
Measured: see `AT_ONCE`. Remove when the interpreter runs threads at the same time (no global lock).
"""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

Answer = TypeVar("Answer")
AT_ONCE = 2
"""One waits for PostgreSQL while the other works: with 16 clients 459 pages a second, 414 by one or three."""
_limiter = CapacityLimiter(AT_ONCE)


async def run_in_turn(read: Callable[[], Answer]) -> Answer:
    """Return what a function returns in one of these threads."""
    return await to_thread.run_sync(read, limiter=_limiter)
