"""Work of requests that may take seconds: a few threads for all of it, of which one workspace gets half.

Routes share a pool of 40 threads. Requests that draw, convert, compare or ask the workers wait here without a
thread, so that any number of them leaves that pool to everybody.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import TypeVar
from uuid import UUID

Answer = TypeVar("Answer")
AT_ONCE = 8
OF_ONE_WORKSPACE = 4
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slow-work")
_lock = Lock()
_running: Counter[UUID | None] = Counter()
_waiting: dict[UUID | None, deque[Callable[[], None]]] = {}


async def run_slowly(workspace_id: UUID | None, work: Callable[[], Answer]) -> Answer:
    """Run a function in a thread, when it is its workspace's turn."""
    answer: Future[Answer] = Future()
    context = copy_context()

    def execute() -> None:
        try:
            if answer.set_running_or_notify_cancel():
                answer.set_result(context.run(work))
        except StopIteration as error:  # no future takes it
            answer.set_exception(RuntimeError(f"the work raised {error!r}"))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            answer.set_exception(error)
        finally:
            _end_turn(workspace_id)

    _take_turn(workspace_id, execute)
    return await asyncio.wrap_future(answer)


def _take_turn(workspace_id: UUID | None, execute: Callable[[], None]) -> None:
    with _lock:
        if _running[workspace_id] < OF_ONE_WORKSPACE:
            _running[workspace_id] += 1
            _threads.submit(execute)
        else:
            _waiting.setdefault(workspace_id, deque()).append(execute)


def _end_turn(workspace_id: UUID | None) -> None:
    """Give the turn to whoever of the workspace waits longest."""
    with _lock:
        waiting = _waiting.get(workspace_id)
        if waiting:
            _threads.submit(waiting.popleft())
            return
        _waiting.pop(workspace_id, None)
        _running[workspace_id] -= 1
        if not _running[workspace_id]:
            del _running[workspace_id]
