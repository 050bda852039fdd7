"""Work of requests that may take seconds: a few threads for all of it, of which one workspace gets half.

Routes share a pool of 40 threads. Requests that draw, convert, compare or ask the workers wait here without a
thread, so that any number of them leaves that pool to everybody. What waits for other people's servers has
threads of its own: a server that sends slowly holds nothing else.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import Protocol, TypeVar
from uuid import UUID

Answer = TypeVar("Answer")


class RunSlowly(Protocol):
    """Runs a function in a thread, when it is its workspace's turn."""

    async def __call__(self, workspace_id: UUID | None, work: Callable[[], Answer], /) -> Answer:
        """Return what the function returns."""


class SlowWork:
    """A few threads, of which one workspace gets some; who waits is served in turn."""

    def __init__(self, name: str, *, at_once: int, of_one_workspace: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._of_one_workspace = of_one_workspace
        self._lock = Lock()
        self._running: Counter[UUID | None] = Counter()
        self._waiting: dict[UUID | None, deque[Callable[[], None]]] = {}

    async def run(self, workspace_id: UUID | None, work: Callable[[], Answer]) -> Answer:
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
                self._end_turn(workspace_id)

        self._take_turn(workspace_id, execute)
        return await asyncio.wrap_future(answer)

    def _take_turn(self, workspace_id: UUID | None, execute: Callable[[], None]) -> None:
        with self._lock:
            if self._running[workspace_id] < self._of_one_workspace:
                self._running[workspace_id] += 1
                self._threads.submit(execute)
            else:
                self._waiting.setdefault(workspace_id, deque()).append(execute)

    def _end_turn(self, workspace_id: UUID | None) -> None:
        """Give the turn to whoever of the workspace waits longest."""
        with self._lock:
            waiting = self._waiting.get(workspace_id)
            if waiting:
                self._threads.submit(waiting.popleft())
                return
            self._waiting.pop(workspace_id, None)
            self._running[workspace_id] -= 1
            if not self._running[workspace_id]:
                del self._running[workspace_id]


OF_ONE_WORKSPACE = 4
run_slowly = SlowWork("slow-work", at_once=8, of_one_workspace=OF_ONE_WORKSPACE).run
"""For what computes."""
run_apart = SlowWork("apart", at_once=4, of_one_workspace=1).run
"""For what waits for a process with limits (`work_apart`), which may take minutes."""
run_elsewhere = SlowWork("elsewhere", at_once=16, of_one_workspace=OF_ONE_WORKSPACE).run
"""For what reads files in their place, on other people's servers."""
