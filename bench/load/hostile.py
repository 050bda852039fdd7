"""Clients that occupy connections: some send the request's head byte by byte, some never read the answer."""

import contextlib
import socket
import threading
import time

SLOW, DEAF = 20, 5
BYTE_SECONDS = 1.0
SMALL_BUFFER = 4096


class Hostile:
    """Keeps so many bad connections open until it is told to end, and counts those that were closed on it."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._over = threading.Event()
        self.opened = self.closed = 0
        work = [self._slow] * SLOW + [self._deaf] * DEAF
        self._threads = [threading.Thread(target=act, daemon=True) for act in work]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Close everything."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _slow(self) -> None:
        """Send a head that never ends, a byte a second."""
        while not self._over.is_set():
            with self._connected() as connection, contextlib.suppress(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
                while not self._over.wait(BYTE_SECONDS):
                    connection.sendall(b"x")
            self.closed += not self._over.is_set()

    def _deaf(self) -> None:
        """Ask for a large file and read nothing of it."""
        while not self._over.is_set():
            with self._connected() as connection, contextlib.suppress(OSError):
                connection.sendall(f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                while not self._over.wait(BYTE_SECONDS):
                    # Only a reset shows; what has arrived stays unread.
                    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                        break
            self.closed += not self._over.is_set()

    @contextlib.contextmanager
    def _connected(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        try:
            connection.connect(("127.0.0.1", self._port))
            self.opened += 1
            yield connection
        except OSError:
            time.sleep(BYTE_SECONDS)
        finally:
            connection.close()
