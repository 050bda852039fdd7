"""Counts of an upload that do not depend on the machine: buffers, and whether receiving waits for writing."""

import asyncio
import os
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

from starlette.requests import Request

from app.datasets.upload_bodies import WRITE_BYTES, stream_blocks

CHUNK_BYTES = 60_000


class Body:
    """A request whose body comes in small chunks; it notes how many were asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.state = SimpleNamespace()
        self.asked = 0

    async def stream(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), CHUNK_BYTES):
            self.asked += 1
            await asyncio.sleep(0)
            yield self._content[start : start + CHUNK_BYTES]


def test_a_body_of_any_size_passes_two_buffers_in_whole_blocks() -> None:
    content = os.urandom(9 * WRITE_BYTES + 7)

    async def passed() -> tuple[bytes, list[int], set[int]]:
        received, sizes, buffers = b"", [], set()
        async for block in stream_blocks(cast("Request", Body(content)), 1.0):
            received += block
            sizes.append(len(block))
            buffers.add(id(block.obj))
        return received, sizes, buffers

    received, sizes, buffers = asyncio.run(passed())
    assert received == content
    assert sizes == [WRITE_BYTES] * 9 + [7]
    assert len(buffers) == 2


def test_the_next_block_arrives_while_one_is_written_and_no_more_than_that() -> None:
    body = Body(bytes(4 * WRITE_BYTES))

    async def asked_meanwhile() -> tuple[int, int]:
        stream = aiter(stream_blocks(cast("Request", body), 1.0))
        await anext(stream)
        before = body.asked
        await asyncio.sleep(0.05)  # the writing
        return before, body.asked

    before, after = asyncio.run(asked_meanwhile())
    assert before < after <= -(-2 * WRITE_BYTES // CHUNK_BYTES)
