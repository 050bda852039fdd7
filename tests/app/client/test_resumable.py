"""Uploads that go on where they broke."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from app.client import Client, ClientError
from app.client.service import connection, tus_upload

pytestmark = pytest.mark.service

BROKEN_OFF = 3_000_000


class Tus(ThreadingHTTPServer):
    """As much of tus as the client uses; the first parts break off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = b""
        self.headers_seen: list[dict[str, str]] = []
        self.breaks = [BROKEN_OFF, 0, 1000]
        self.refuses = 0


class _Handler(BaseHTTPRequestHandler):
    server: Tus
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": 0, **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def do_POST(self) -> None:
        self.server.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
        self.answer(201, Location="/uploads/1")

    def do_HEAD(self) -> None:
        self.answer(200, Upload_Offset=len(self.server.data))

    def do_PATCH(self) -> None:
        assert int(self.headers["upload-offset"]) == len(self.server.data)
        length = int(self.headers["content-length"])
        if self.server.refuses:
            self.rfile.read(length)
            self.answer(self.server.refuses)
            return
        if self.server.breaks:
            self.server.data += self.rfile.read(min(length, self.server.breaks.pop(0)))
            self.close_connection = True
            return
        self.server.data += self.rfile.read(length)
        self.answer(204, Upload_Offset=len(self.server.data))

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tus]:
    monkeypatch.setattr(tus_upload, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.01)
    opened = Tus()
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield opened
    opened.shutdown()
    thread.join()
    opened.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ä.zip"
    path.write_bytes(bytes(range(256)) * 20_000)
    return path


def test_a_broken_upload_goes_on_with_the_byte_that_is_missing(server: Tus, file: Path) -> None:
    seen: list[int] = []
    with Client(f"http://127.0.0.1:{server.server_port}") as client:
        tus_upload.send_resumably(client, "/uploads", file, is_last=False, on_sent=seen.append)
    assert server.data == file.read_bytes()
    assert server.breaks == []
    assert {BROKEN_OFF, BROKEN_OFF + 1000, file.stat().st_size} <= set(seen)
    (begun,) = server.headers_seen
    assert begun["upload-length"] == str(file.stat().st_size)
    assert begun["upload-metadata"] == "filename w6Quemlw,complete ZmFsc2U="


def test_a_line_on_which_nothing_arrives_any_more_is_given_up(server: Tus, file: Path) -> None:
    server.breaks = [0] * 1000
    with (
        Client(f"http://127.0.0.1:{server.server_port}", patience=0.2) as client,
        pytest.raises(httpx.TransportError),
    ):
        tus_upload.send_resumably(client, "/uploads", file, is_last=True, on_sent=lambda _: None)


def test_a_refusal_is_not_argued_with(server: Tus, file: Path) -> None:
    server.refuses = 413
    with (
        Client(f"http://127.0.0.1:{server.server_port}") as client,
        pytest.raises(ClientError, match="413"),
    ):
        tus_upload.send_resumably(client, "/uploads", file, is_last=True, on_sent=lambda _: None)
    assert server.data == b""
