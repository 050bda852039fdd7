"""Timeouts and a limit of connections: `uvicorn --http app.http.connection_timeouts:TimeoutProtocol`.

uvicorn waits without a limit for the headers of a request, and for a client that does not read its answer.
An idle connection costs little, but uvicorn never closes it. Its parser
keeps every header, however many come.
"""

import asyncio
import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.infra.errors import ApiError

HEAD_SECONDS = 20.0
UNREAD_SECONDS = 60.0
HEAD_BYTES = 65_536
"""Of a request line and its headers: eight times what proxies such as nginx take by default."""


class UnreadableRequest(ApiError):
    """The parser cannot read the request."""

    code = "unreadable_request"


class LargeHead(ApiError):
    """The request line and the headers are too long together."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "large_head"


_LARGE_HEAD = LargeHead(f"a request line and its headers take {HEAD_BYTES:,} bytes at most")


class TimeoutProtocol(HttpToolsProtocol):
    """Aborts a connection if headers do not arrive, or the client does not read its answer, in time."""

    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _uncounted: int = 0
    """Bytes since the last one of a body: of a head, or of a chunked body's trailers or extensions."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request's headers."""
        super().connection_made(transport)
        self._head = self._restart_timer(self._head, HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Close the connection where a head, or what else is no body, does not end."""
        self._uncounted += len(data)
        super().data_received(data)
        if self._uncounted > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(_LARGE_HEAD)

    def send_400_response(self, _: str) -> None:
        """Refuse what the parser gave up with a problem, as all other requests are refused."""
        if self._is_head_large():
            self._refuse(_LARGE_HEAD)
        else:
            self._refuse(UnreadableRequest("expected an HTTP request; a line of this one may be too long"))

    def on_body(self, body: bytes) -> None:
        """Count anew: a body has its own limits."""
        self._uncounted = 0
        super().on_body(body)

    def on_message_begin(self) -> None:
        """Start the timer for the rest of a later request's headers."""
        super().on_message_begin()
        self._head = self._restart_timer(self._head, HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Stop the timer: the body has its own limits. Give up a head that came whole, but is too long."""
        _cancel_timer(self._head)
        if self._is_head_large():
            raise _LARGE_HEAD
        self._uncounted = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count anew for the next request's head."""
        super().on_message_complete()
        self._uncounted = 0

    def pause_writing(self) -> None:
        """Start the timer for the client to read."""
        super().pause_writing()
        self._unread = self._restart_timer(self._unread, UNREAD_SECONDS)

    def resume_writing(self) -> None:
        """Stop the timer: the client reads."""
        _cancel_timer(self._unread)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both timers."""
        _cancel_timer(self._head)
        _cancel_timer(self._unread)
        super().connection_lost(exc)

    def _is_head_large(self) -> bool:
        """Whether the latest head is too long; its bytes and its body's may have come together."""
        line = len(self.url or b"")
        return line + sum(len(name) + len(value) + 4 for name, value in self.headers or ()) > HEAD_BYTES

    def _is_answering(self) -> bool:
        """Whether an answer is under way or owed, so that what is written now would be taken for it."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return bool(self.pipeline) or cycle.response_started or not cycle.more_body

    def _refuse(self, error: ApiError) -> None:
        """Answer without the application, unless an answer is under way, and close the connection."""
        if self._is_answering():
            self.transport.close()
            return
        document = error.build_document()
        body = json.dumps(document).encode()
        head = (
            f"HTTP/1.1 {document['status']} {document['title']}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _restart_timer(self, timer: asyncio.TimerHandle | None, seconds: float) -> asyncio.TimerHandle:
        _cancel_timer(timer)
        return self.loop.call_later(seconds, self.transport.abort)


def _cancel_timer(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
