"""Downloads that are open: how many a workspace may have, and what is left of one whose reader goes away."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from starlette.concurrency import run_in_threadpool
from starlette.types import Message

from app.access.open_downloads import OpenDownloads
from app.exports.registry import Export, ExportFile
from app.http.slow_work import run_slowly
from app.infra.database import Database
from app.infra.errors import TooManyRequests
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings
from app.routes.shared.downloads import begin_download, respond_download
from tests import patience
from tests.builders.stored_rows import store_ready_dataset

WAIT = patience.scale(20)


def test_each_workspace_has_downloads_of_its_own() -> None:
    downloads, mine, theirs = OpenDownloads(), uuid4(), uuid4()
    with downloads.admit(mine, most=2), downloads.admit(mine, most=2):
        with (
            pytest.raises(TooManyRequests, match="has 2 open downloads") as refused,
            downloads.admit(mine, most=2),
        ):
            pass
        assert refused.value.headers == {"Retry-After": "5"}
        with downloads.admit(theirs, most=2):
            pass
    with downloads.admit(mine, most=1):
        pass


def test_a_download_counts_until_its_last_byte(
    api: TestClient,
    database: Database,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, done = threading.Semaphore(0), threading.Event()

    def write(*_: object, **__: object) -> ExportFile:
        def write_blocks() -> Iterator[bytes]:
            yield b"first"
            begun.release()
            assert done.wait(WAIT)
            yield b"last"

        return ExportFile(name="x.csv", media_type="text/csv", blocks=write_blocks())

    monkeypatch.setattr(Export, "load_writer", lambda _: write)
    two = chosen.model_copy(update={"downloads_concurrent": 2})
    api.app.dependency_overrides |= {provide_settings: lambda: two}  # type: ignore[attr-defined]
    path = f"/v1/datasets/{store_ready_dataset(database, storage).id}/exports/labels.csv"
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(api.get, path) for _ in range(2)]
        assert all(begun.acquire(timeout=WAIT) for _ in asked)
        third = api.get(path)
        done.set()
        assert [one.result().content for one in asked] == [b"firstlast"] * 2
    assert (third.status_code, third.headers["retry-after"]) == (429, "5")
    assert third.json()["code"] == "too_many_requests"
    assert api.get(path).status_code == 200


def test_what_a_download_is_written_from_is_closed_when_its_reader_goes_away() -> None:
    writing, closed = threading.Event(), threading.Event()

    def write() -> Iterator[bytes]:
        try:
            yield b"first"
            writing.set()
            threading.Event().wait(0.3)  # its reader goes away meanwhile
            yield b"second"
        finally:
            closed.set()

    file = ExportFile(name="x.csv", media_type="text/csv", blocks=write())

    async def receive() -> Message:
        assert await run_in_threadpool(writing.wait, WAIT)
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        pass

    async def leave() -> None:
        begun = await run_slowly(None, lambda: begin_download(file))
        answer = respond_download(begun, run_slowly, None)
        with suppress(OSError):
            await answer({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        assert await run_in_threadpool(closed.wait, WAIT)

    asyncio.run(leave())
