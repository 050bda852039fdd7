"""Receiving a body: streamed to its final volume and hashed meanwhile, never kept in memory or in /tmp."""

import asyncio
import base64
import errno
import hashlib
import os
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from app.datasets.tus_protocol import Checksum
from app.http import body_limits
from app.infra.errors import DigestMismatch, Gone, Incomplete, Invalid, NoSpace, TooLarge
from app.infra.settings import MEBIBYTE

WRITE_BYTES = MEBIBYTE // 2
"""Small enough to stay in the processor's cache while it is hashed and written."""
LOOK_BYTES = 32 * WRITE_BYTES
"""Written between two looks at the free space: uploads that were admitted together share it."""
SHA256_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True, kw_only=True)
class ReceivedBody:
    """A complete body on disk."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """Limits of a body."""

    max_bytes: int
    idle_seconds: float
    free_bytes: int
    reserve_bytes: int = 0
    """Of the disk, which stay free whatever else is written meanwhile."""


def check_announced(headers: Mapping[str, str], limits: BodyLimits) -> None:
    """Check the headers of a body against its limits, before reading it.

    Raises:
        TooLarge: Content-Length is above the limit.
        NoSpace: Content-Length is above the free space.
        Invalid: Content-Length is not a number.

    """
    announced = headers.get("content-length")
    if announced is None:
        return
    if not announced.isdecimal():
        raise Invalid(f"Content-Length must be a number of bytes, found {announced!r}")
    if int(announced) > limits.max_bytes:
        raise TooLarge(
            f"a body can have at most {limits.max_bytes} bytes, this one has {announced}",
            max_bytes=limits.max_bytes,
        )
    if int(announced) > limits.free_bytes:
        raise NoSpace(f"there is room for {max(limits.free_bytes, 0)} bytes, this body has {announced}")


@asynccontextmanager
async def receive_body(request: Request, path: Path, limits: BodyLimits) -> AsyncIterator[ReceivedBody]:
    """Write a request's body to a path; the file is deleted unless the caller moves it.

    Raises:
        TooLarge, NoSpace: the body exceeds a limit.
        Incomplete: the body ended early or stalled.
        DigestMismatch: the body does not match Content-Digest or Repr-Digest (RFC 9530).

    """
    check_announced(request.headers, limits)
    await run_in_threadpool(path.parent.mkdir, parents=True, exist_ok=True)
    try:
        file = await run_in_threadpool(path.open, "wb", buffering=0)
        with file:
            size, digest = await _write(request, file, limits)
            await run_in_threadpool(os.fsync, file.fileno())
        _check_digest(request.headers, digest)
        yield ReceivedBody(path=path, size=size, sha256=digest.hex())
    finally:
        await run_in_threadpool(path.unlink, missing_ok=True)


async def _write(request: Request, file: IO[bytes], limits: BodyLimits) -> tuple[int, bytes]:
    hasher, size = hashlib.sha256(), 0
    reserve = Reserve(Path(file.name).parent, limits.reserve_bytes)

    def put(block: memoryview) -> None:
        _write_block(file, block)
        hasher.update(block)

    async for block in stream_blocks(request, limits.idle_seconds):
        size += len(block)
        if size > limits.max_bytes:
            raise TooLarge(f"a body can have at most {limits.max_bytes} bytes", max_bytes=limits.max_bytes)
        if size > limits.free_bytes:
            raise NoSpace(f"there was room for {max(limits.free_bytes, 0)} bytes, this body has more")
        reserve.check(len(block))
        await run_in_threadpool(put, block)
    if size == 0:
        raise Invalid("the body is empty; send the file's bytes as the raw body (curl --upload-file)")
    return size, hasher.digest()


async def stream_blocks(request: Request, idle_seconds: float) -> AsyncIterator[memoryview]:
    """Yield a body in blocks; a block is valid until the next one is requested, which is received meanwhile.

    Everything that arrived is yielded before an error is raised.

    Raises:
        Incomplete: the body ended early or stalled.

    """
    async with aclosing(_gather_chunks(request, idle_seconds)) as gathered:
        arriving = asyncio.ensure_future(anext(gathered, None))
        try:
            while (block := await arriving) is not None:
                arriving = asyncio.ensure_future(anext(gathered, None))
                yield block
        finally:
            arriving.cancel()
            await asyncio.gather(arriving, return_exceptions=True)


async def _gather_chunks(request: Request, idle_seconds: float) -> AsyncGenerator[memoryview]:
    """Gather small chunks from the network into blocks worth a thread.

    Two buffers alternate, one to fill and one to write: the page faults of a new buffer for every block would
    cost more than the writing.
    """
    buffers = cycle([memoryview(bytearray(WRITE_BYTES)) for _ in range(2)])
    buffer, filled = next(buffers), 0
    failure: Incomplete | None = None
    body_limits.lift_limits(request.state)
    stream = request.stream().__aiter__()
    try:
        while True:
            async with asyncio.timeout(idle_seconds):
                chunk = memoryview(await anext(stream))
            while chunk:
                taken = min(len(chunk), WRITE_BYTES - filled)
                buffer[filled : filled + taken] = chunk[:taken]
                filled, chunk = filled + taken, chunk[taken:]
                if filled == WRITE_BYTES:
                    yield buffer
                    buffer, filled = next(buffers), 0
    except StopAsyncIteration:
        pass
    except ClientDisconnect:
        failure = Incomplete("the connection closed before the complete body arrived")
    except TimeoutError:
        failure = Incomplete(f"no byte arrived for {idle_seconds:g} seconds")
    if filled:
        yield buffer[:filled]
    if failure is not None:
        raise failure


class Reserve:
    """The part of a disk that uploads leave free, looked at again while they are written."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder, self._reserve_bytes, self._unseen = folder, reserve_bytes, LOOK_BYTES

    def check(self, size: int) -> None:
        """Count bytes that are about to be written, and look at the disk once they are many.

        Raises:
            NoSpace: less than the reserve is free.

        """
        self._unseen += size
        if self._unseen <= LOOK_BYTES:
            return
        self._unseen = 0
        free = shutil.disk_usage(self._folder).free
        if free < self._reserve_bytes:
            raise NoSpace(
                f"expected {self._reserve_bytes} free bytes on the disk besides this body; found {free}"
            )


@dataclass(frozen=True, kw_only=True)
class UploadPart:
    """The place of one request's body in a resumable upload."""

    path: Path
    offset: int
    size: int
    """Of the complete upload, which the body must not exceed."""
    save_bytes: int
    """Bytes to receive between two saves."""
    reserve_bytes: int = 0
    """Of the disk, which stay free."""

    async def receive(
        self,
        request: Request,
        *,
        idle_seconds: float,
        save: Callable[[int], None],
        checksum: Checksum | None,
    ) -> int:
        """Write a request's body, call `save` with each offset that is safely on disk, return the last.

        Without a checksum, all bytes before an error are saved; with one, nothing is saved before the check.

        Raises:
            TooLarge: the body exceeds the upload's size.
            Incomplete, NoSpace: the body ended early, or the disk is full.
            ChecksumMismatch: the body does not have the announced checksum.
            Gone: the bytes before the offset are no longer there.

        """
        file = await run_in_threadpool(self._open)
        reached = saved = self.offset
        failure: TooLarge | Incomplete | NoSpace | None = None
        reserve = Reserve(self.path.parent, self.reserve_bytes)
        with file:
            try:
                async for block in stream_blocks(request, idle_seconds):
                    self._check_end(reached + len(block))
                    reserve.check(len(block))
                    await run_in_threadpool(_write_block, file, block)
                    if checksum is not None:
                        await run_in_threadpool(checksum.hasher.update, block)
                    reached += len(block)
                    if checksum is None and reached - saved >= self.save_bytes:
                        await run_in_threadpool(_save_offset, file, reached, save)
                        saved = reached
            except (TooLarge, Incomplete, NoSpace) as error:
                failure = error
            if checksum is not None and failure is None:
                checksum.check()
            if checksum is None or failure is None:
                await run_in_threadpool(_save_offset, file, reached, save)
        if failure is not None:
            raise failure
        return reached

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        if file.seek(0, os.SEEK_END) < self.offset:
            file.close()
            raise Gone(
                f"the first {self.offset} bytes of this upload are lost; delete it and start a new one"
            )
        file.seek(self.offset)
        return file

    def _check_end(self, end: int) -> None:
        if end > self.size:
            raise TooLarge(
                f"the upload announced {self.size} bytes, this body exceeds them", max_bytes=self.size
            )


def _write_block(file: IO[bytes], block: memoryview) -> None:
    """Write a complete block; the system can accept it in pieces."""
    rest = block
    with _report_full_disk():
        while rest:
            rest = rest[file.write(rest) :]


def _save_offset(file: IO[bytes], reached: int, save: Callable[[int], None]) -> None:
    os.fsync(file.fileno())
    save(reached)


@contextmanager
def _report_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace("the disk is full; earlier data is safe") from error
        raise


def _check_digest(headers: Mapping[str, str], digest: bytes) -> None:
    for name in ("content-digest", "repr-digest"):
        match = SHA256_DIGEST.search(headers.get(name, ""))
        if match and base64.b64encode(digest).decode() != match[1]:
            raise DigestMismatch(f"{name} announced sha-256 {match[1]}, the body has another")
