"""Connections that do not last for ever: `uvicorn --http app.http.connection_timeouts:TimeoutProtocol`.

uvicorn waits without end for the head of a request, and for a client that does not read its answer. Such a
connection costs little while it is idle, but it is never given back.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
UNREAD_SECONDS = 60.0


class TimeoutProtocol(HttpToolsProtocol):
    """Gives a head so long to arrive, and a client so long to take what it was sent."""

    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head = self._restart_timer(self._head, HEAD_SECONDS)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a later head."""
        super().on_message_begin()
        self._head = self._restart_timer(self._head, HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Stop waiting: what comes next has its own limits."""
        _cancel_timer(self._head)
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._unread = self._restart_timer(self._unread, UNREAD_SECONDS)

    def resume_writing(self) -> None:
        """Stop waiting: it reads."""
        _cancel_timer(self._unread)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        _cancel_timer(self._head)
        _cancel_timer(self._unread)
        super().connection_lost(exc)

    def _restart_timer(self, timer: asyncio.TimerHandle | None, seconds: float) -> asyncio.TimerHandle:
        _cancel_timer(timer)
        return self.loop.call_later(seconds, self.transport.abort)


def _cancel_timer(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
