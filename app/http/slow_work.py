"""Work of requests that may take seconds: a few threads for all of it, of which one workspace gets half.

The pool has 40 threads for everything that routes do. Requests that draw, convert or ask the workers wait
here without a thread, so that any number of them leaves the others to everybody.
"""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, to_thread

Answer = TypeVar("Answer")
AT_ONCE = 8
OF_ONE_WORKSPACE = 4
_all = CapacityLimiter(AT_ONCE)
_own: WeakValueDictionary[UUID | None, CapacityLimiter] = WeakValueDictionary()
"""By workspace, while somebody of it works or waits."""


async def run_slowly(workspace_id: UUID | None, work: Callable[[], Answer]) -> Answer:
    """Run a function in a thread, when it is its workspace's turn."""
    own = _own.setdefault(workspace_id, CapacityLimiter(OF_ONE_WORKSPACE))
    async with own:
        return await to_thread.run_sync(work, limiter=_all)
