"""A client that sends half a head, and one that never reads, lose their connection; others do not."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
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


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[int]:
    """Serve the application on a port of loopback."""
    config = uvicorn.Config(
        application, http=connection_timeouts.TimeoutProtocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        async with asyncio.timeout(60):
            await serving


async def scenario() -> None:
    async with serve() as port:
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


async def send(request: bytes) -> bytes:
    """Send a request; return all that the server answers until it closes the connection."""
    async with serve() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.transport.abort()
    return answer


async def endless(head: bytes, more: bytes) -> bytes:
    """Send a beginning and then the same again and again; return what the server answered."""
    async with serve() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
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
    assert answer == b"" or read_problem(answer)["status"] in {400, 431}  # nothing is read after a reset


def read_problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    found: dict[str, Any] = json.loads(body)
    assert set(found) == {"type", "title", "status", "code", "detail"}
    assert head.startswith(f"HTTP/1.1 {found['status']} {found['title']}\r\n".encode())
    return found


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"nothing that is HTTP\r\n\r\n", "unreadable_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000, "large_head"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 66_000 + b"\r\n\r\n", "large_head"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 12_000 + b"\r\n", "large_head"),
    ],
)
def test_what_cannot_be_read_is_refused_by_a_problem(request_bytes: bytes, code: str) -> None:
    assert read_problem(asyncio.run(send(request_bytes)))["code"] == code


def test_a_body_does_not_count_as_a_head() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 90000\r\n\r\n"
    assert asyncio.run(send(head + b"y" * 90_000)).startswith(b"HTTP/1.1 200 OK\r\n")


def test_nothing_is_written_into_an_answer_under_way() -> None:
    answer = asyncio.run(send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\nnothing that is HTTP\r\n\r\n"))
    assert b"unreadable_request" not in answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_others_are_served_while_slow_clients_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connection_timeouts, "UNREAD_SECONDS", 0.3)
    ANSWERED.clear()
    asyncio.run(scenario())
    assert sorted(ANSWERED) == ["/", "/large"]
