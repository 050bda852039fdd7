"""Work that takes long leaves threads to other workspaces."""

import threading
from uuid import uuid4

import anyio
import pytest
from anyio import to_thread

from app.http.slow_work import OF_ONE_WORKSPACE, run_slowly


def test_one_workspace_gets_half_of_the_threads_and_another_does_not_wait() -> None:
    mine, theirs, under_way = uuid4(), uuid4(), list[int]()
    begun, done = threading.Event(), threading.Event()

    def wait() -> None:
        under_way.append(threading.get_ident())
        if len(under_way) == OF_ONE_WORKSPACE:
            begun.set()
        assert done.wait(60)

    async def work() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(run_slowly, mine, wait)
            assert await to_thread.run_sync(begun.wait, 60)
            assert await run_slowly(theirs, lambda: "served") == "served"
            assert len(under_way) == OF_ONE_WORKSPACE
            done.set()

    anyio.run(work)
    assert len(under_way) == 20


def test_what_it_raises_is_raised_to_whoever_waits_and_the_turn_goes_on() -> None:
    def fail() -> None:
        raise KeyError("gone")

    async def ask() -> None:
        for _ in range(2 * OF_ONE_WORKSPACE):
            with pytest.raises(KeyError, match="gone"):
                await run_slowly(None, fail)
        assert await run_slowly(None, lambda: 1) == 1

    anyio.run(ask)
