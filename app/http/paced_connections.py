"""Connections that end when their other side sends too slowly, or much that is no answer.

A timeout of each read alone never would.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

import httpcore

SLOWEST_BYTES_PER_SECOND = 20_000
"""At which a photograph of 3 MB takes two and a half minutes."""
WIRE_BYTES, WIRE_FACTOR = 2**17, 8
"""That may come over the connection: heads are at most 100 kB (h11), 64 KiB are read ahead, and a block of
one byte takes six."""


@dataclass
class _Pace:
    began: float
    """On the clock: a server that never makes its reader wait can go on without an end, too."""
    received: int = 0
    """Bytes from the connection."""
    delivered: int = 0
    """Bytes of the answer's body; heads, interim answers and what stands around blocks earn no time."""


@dataclass
class Paces:
    """How long the requests of a client take, each in its own thread."""

    seconds: float
    """That a request may take beyond what its body takes at SLOWEST_BYTES_PER_SECOND."""
    _local: threading.local = field(default_factory=threading.local)

    def begin(self) -> None:
        """Begin to count for the request of this thread."""
        self._local.pace = _Pace(began=time.monotonic())

    def deliver(self, count: int) -> None:
        """Count bytes of the body of this thread's request."""
        self._find().delivered += count

    def read(self, stream: httpcore.NetworkStream, most: int, timeout: float | None) -> bytes:
        """Read from a connection, no longer and no more than the request may.

        Raises:
            httpcore.ReadTimeout: it takes longer than its body may.
            httpcore.ReadError: far more came than the body.

        """
        pace = self._find()
        taken = time.monotonic() - pace.began
        left = self.seconds + pace.delivered / SLOWEST_BYTES_PER_SECOND - taken
        if left <= 0:
            raise httpcore.ReadTimeout(
                f"{pace.delivered:,} bytes came in {taken:.0f} seconds, which is too slow"
            )
        if pace.received > WIRE_BYTES + WIRE_FACTOR * pace.delivered:
            raise httpcore.ReadError(
                f"{pace.received:,} bytes came, of which {pace.delivered:,} are the answer's body"
            )
        came = stream.read(most, left if timeout is None else min(timeout, left))
        pace.received += len(came)
        return came

    def _find(self) -> _Pace:
        if not hasattr(self._local, "pace"):
            self.begin()
        found: _Pace = self._local.pace
        return found


class PacedBackend(httpcore.NetworkBackend):
    """Makes connections whose reads are paced."""

    def __init__(self, paces: Paces) -> None:
        self._inner, self._paces = httpcore.SyncBackend(), paces

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        made = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _PacedStream(made, self._paces)


class _PacedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, paces: Paces) -> None:
        self._inner, self._paces = inner, paces

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._paces.read(self._inner, max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        encrypted = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _PacedStream(encrypted, self._paces)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        return self._inner.get_extra_info(info)
