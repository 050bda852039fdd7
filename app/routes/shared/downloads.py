"""Downloads that are written while they are sent: counted for each workspace, and closed when they end."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from threading import Lock
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.access.open_downloads import OpenDownloads
from app.exports.registry import ExportFile
from app.http.slow_work import RunSlowly
from app.routes.shared.dependencies import CallerDatabase, ServiceSettings

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
NOT_IN_NAMES = re.compile(r"^\.|[/\\]")
_closing: set[asyncio.Task[None]] = set()
"""The event loop itself does not keep its tasks."""


async def admit_download(
    request: Request, database: CallerDatabase, settings: ServiceSettings
) -> AsyncIterator[None]:
    """Count a download until its last byte is sent.

    Raises:
        TooManyRequests: its workspace has as many as it may.

    """
    downloads: OpenDownloads = request.app.state.downloads
    with downloads.admit(database.workspace_id, most=settings.downloads_concurrent):
        yield


Downloads = Depends(admit_download)


class Download:
    """A file that is written while it is sent, with its first block."""

    def __init__(self, file: ExportFile) -> None:
        self.name, self.media_type = file.name, file.media_type
        self._blocks, self._lock = file.blocks, Lock()
        self._first: bytes | None = next(self._blocks, None)
        self.has_ended = self._first is None

    def take(self) -> bytes | None:
        """Return the next block; None at the end."""
        with self._lock:
            block, self._first = self._first, None
            if block is None:
                block = next(self._blocks, None)
            self.has_ended = block is None
            return block

    def close(self) -> None:
        """Let go of what the file is written from, once a block that is being written is done."""
        with self._lock:
            close = getattr(self._blocks, "close", None)  # a generator has it
            if close is not None:
                close()


def begin_download(file: ExportFile) -> Download:
    """Write a file's first block, so that an error is a problem document."""
    return Download(file)


def respond_download(download: Download, run: RunSlowly, workspace_id: UUID | None) -> StreamingResponse:
    """Return a download whose blocks are written in the threads that began it: one can take minutes."""
    headers = {"Content-Disposition": _name_download(download.name), "X-Content-Type-Options": "nosniff"}
    return _DownloadResponse(download, run, workspace_id, headers)


class _DownloadResponse(StreamingResponse):
    """Closes what it sends from, also when its reader goes away."""

    def __init__(
        self, download: Download, run: RunSlowly, workspace_id: UUID | None, headers: Mapping[str, str]
    ) -> None:
        self._download, self._run, self._workspace_id = download, run, workspace_id
        super().__init__(self._stream_blocks(), media_type=download.media_type, headers=headers)

    async def _stream_blocks(self) -> AsyncIterator[bytes]:
        while (block := await self._run(self._workspace_id, self._download.take)) is not None:
            if block:
                yield block

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._download.has_ended:  # nothing can be awaited where the request is cancelled
                task = asyncio.create_task(self._close())
                _closing.add(task)
                task.add_done_callback(_closing.discard)

    async def _close(self) -> None:
        await self._run(self._workspace_id, self._download.close)


def _name_download(name: str) -> str:
    """Return the header that names a file (RFC 6266), in ASCII and as it is.

    A dataset can be called anything, such as `../.profile`; its files are neither hidden nor elsewhere.
    """
    visible = NOT_IN_NAMES.sub("_", name)
    return f"attachment; filename=\"{UNSAFE.sub('_', visible)}\"; filename*=UTF-8''{quote(visible, safe='')}"
