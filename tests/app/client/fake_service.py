"""A service that answers what a test wants, also what no honest one would."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One answer; a body that is no bytes is sent as JSON."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Return the body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class FakeService(ThreadingHTTPServer):
    """Answers by path, and notes the requests; every other path gets the answer of an empty path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str, str | None]] = []
        """Method, path and the key of each request."""

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeService

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append((self.command, self.path, self.headers.get("authorization")))
        found = self.server.answers.get(self.path.partition("?")[0]) or self.server.answers[""]
        self.send_response(found.status)
        for name, value in {"Content-Length": str(len(found.content)), **found.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def run_fake_service() -> Iterator[FakeService]:
    """Run such a service."""
    server = FakeService()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
