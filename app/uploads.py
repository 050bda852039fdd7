"""Taking a body: streamed to its final volume while it is hashed, never held in memory or in /tmp."""

import asyncio
import base64
import hashlib
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from app.errors import DigestMismatch, Incomplete, Invalid, NoSpace, TooLarge
from app.settings import MEBIBYTE

WRITE_BYTES = 2 * MEBIBYTE
SHA256_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True, kw_only=True)
class Received:
    """A complete body on disk."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """What a body may be."""

    max_bytes: int
    idle_seconds: float
    free_bytes: int


def check_announced(headers: Mapping[str, str], limits: BodyLimits) -> None:
    """Refuse by its headers a body that cannot be taken, before any of it is read.

    Raises:
        TooLarge: Content-Length is over the limit.
        NoSpace: Content-Length is over the free space.
        Invalid: Content-Length is no number.

    """
    announced = headers.get("content-length")
    if announced is None:
        return
    if not announced.isdecimal():
        raise Invalid(f"Content-Length must be a number of bytes, found {announced!r}")
    if int(announced) > limits.max_bytes:
        raise TooLarge(
            f"a body may have at most {limits.max_bytes} bytes, this one has {announced}",
            max_bytes=limits.max_bytes,
        )
    if int(announced) > limits.free_bytes:
        raise NoSpace(f"there is room for {max(limits.free_bytes, 0)} bytes, this body has {announced}")


@asynccontextmanager
async def received(request: Request, path: Path, limits: BodyLimits) -> AsyncIterator[Received]:
    """Write a request's body to a path; the file is deleted unless the caller moves it away.

    Raises:
        TooLarge, NoSpace: it grew over a limit.
        Incomplete: it ended early, or fell silent.
        DigestMismatch: it is not what Content-Digest or Repr-Digest (RFC 9530) announced.

    """
    check_announced(request.headers, limits)
    await run_in_threadpool(path.parent.mkdir, parents=True, exist_ok=True)
    try:
        file = await run_in_threadpool(path.open, "wb", buffering=0)
        with file:
            size, digest = await _write(request, file, limits)
            await run_in_threadpool(os.fsync, file.fileno())
        _check_digest(request.headers, digest)
        yield Received(path=path, size=size, sha256=digest.hex())
    finally:
        await run_in_threadpool(path.unlink, missing_ok=True)


async def _write(request: Request, file: IO[bytes], limits: BodyLimits) -> tuple[int, bytes]:
    hasher, size = hashlib.sha256(), 0

    def put(block: bytes) -> None:
        file.write(block)
        hasher.update(block)

    async for block in _blocks(request, limits.idle_seconds):
        size += len(block)
        if size > limits.max_bytes:
            raise TooLarge(f"a body may have at most {limits.max_bytes} bytes", max_bytes=limits.max_bytes)
        if size > limits.free_bytes:
            raise NoSpace(f"there was room for {max(limits.free_bytes, 0)} bytes, this body has more")
        await run_in_threadpool(put, block)
    if size == 0:
        raise Invalid("the body is empty; send the file's bytes as the raw body (curl --upload-file)")
    return size, hasher.digest()


async def _blocks(request: Request, idle_seconds: float) -> AsyncIterator[bytes]:
    """Gather the network's small chunks into writes worth a thread."""
    chunks, gathered = [], 0
    stream = request.stream().__aiter__()
    try:
        while True:
            async with asyncio.timeout(idle_seconds):
                chunk = await anext(stream)
            chunks.append(chunk)
            gathered += len(chunk)
            if gathered >= WRITE_BYTES:
                yield b"".join(chunks)
                chunks, gathered = [], 0
    except StopAsyncIteration:
        if gathered:
            yield b"".join(chunks)
    except ClientDisconnect as error:
        raise Incomplete("the connection closed before the whole body had arrived") from error
    except TimeoutError as error:
        raise Incomplete(f"no byte arrived for {idle_seconds:g} seconds") from error


def _check_digest(headers: Mapping[str, str], digest: bytes) -> None:
    for name in ("content-digest", "repr-digest"):
        match = SHA256_DIGEST.search(headers.get(name, ""))
        if match and base64.b64encode(digest).decode() != match[1]:
            raise DigestMismatch(f"{name} announced sha-256 {match[1]}, the body has another")
