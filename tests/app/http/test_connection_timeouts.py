"""A client that sends half a head, and one that never reads, lose their connection; others do not."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from app.http import connection_timeouts

pytestmark = pytest.mark.service

BLOCK = b"x" * 2**20
ANSWERED: list[str] = []


async def application(scope: Any, _: Any, send: Callable[[Any], Awaitable[None]]) -> None:  # noqa: ANN401
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        for _ in range(64 if scope["path"] == "/large" else 1):
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        ANSWERED.append(scope["path"])


async def closed_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(1) == b""
    except ConnectionError:
        return True


async def scenario() -> None:
    config = uvicorn.Config(
        application, http=connection_timeouts.TimeoutProtocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    port = listening.getsockname()[1]
    slow, slowly = await asyncio.open_connection("127.0.0.1", port)
    slowly.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
    deaf, deafly = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    deafly.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    other, others = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    others.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (await other.read(15)).startswith(b"HTTP/1.1 200")
    assert await closed_within(slow, 60)
    async with asyncio.timeout(60):
        while "/large" not in ANSWERED:  # noqa: ASYNC110 - the test observes the server's tasks from outside
            await asyncio.sleep(0.02)
    for writer in (slowly, deafly, others):
        writer.transport.abort()
    assert deaf is not None
    server.should_exit = True
    async with asyncio.timeout(60):
        await serving


async def endless(head: bytes, more: bytes) -> bytes:
    """Send a beginning and then the same again and again; return what the server answered."""
    config = uvicorn.Config(
        application, http=connection_timeouts.TimeoutProtocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1], limit=2**22)
    writer.write(head)
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 2**24 and not reader.at_eof():
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0)
            sent += len(more)
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.transport.abort()
    server.should_exit = True
    async with asyncio.timeout(60):
        await serving
    assert sent < 2**24, "the server took 16 MiB that are no body"
    return answer


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X-Name: value\r\n" * 1000),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"y" * 10_000),
        (b"GET /", b"y" * 10_000),
    ],
)
def test_a_head_without_end_is_refused(head: bytes, more: bytes) -> None:
    answer = asyncio.run(endless(head, more))
    assert answer in {b"", connection_timeouts.TOO_LARGE}  # nothing is read after a reset


def test_others_are_served_while_slow_clients_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connection_timeouts, "UNREAD_SECONDS", 0.3)
    ANSWERED.clear()
    asyncio.run(scenario())
    assert sorted(ANSWERED) == ["/", "/large"]
