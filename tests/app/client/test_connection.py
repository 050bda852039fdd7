"""What fails for a moment is tried again, and only where that is harmless."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from app.client import Client, ClientError
from app.client.progress_bars import show_text_bar
from app.client.service import connection

pytestmark = pytest.mark.service


class Scripted(BaseHTTPRequestHandler):
    """Answers with the next status of the script; 0 hangs up."""

    script: ClassVar[list[int]] = []
    bodies: ClassVar[list[tuple[str, bytes]]] = []
    keys: ClassVar[list[str | None]] = []

    def answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.bodies.append((self.command, self.rfile.read(length)))
        if self.command == "POST":
            self.keys.append(self.headers.get("idempotency-key"))
        status = self.script.pop(0) if self.script else 200
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        body = b'{"detail": "said so"}'
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.01)
    Scripted.script, Scripted.bodies, Scripted.keys = [], [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with Client(f"http://127.0.0.1:{server.server_port}") as opened:
        assert opened.get("/first") == {"detail": "said so"}
        Scripted.bodies.clear()
        yield opened
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_that_is_away_for_a_moment_is_asked_again(client: Client) -> None:
    Scripted.script = [503, 0, 200]
    assert client.get("/x") == {"detail": "said so"}
    assert len(Scripted.bodies) == 3


def test_a_body_is_sent_anew_in_full(client: Client) -> None:
    Scripted.script = [0, 502, 200]
    client.put("/x", lambda: iter([b"ab", b"c"]), size=3)
    assert Scripted.bodies == [("PUT", b"abc")] * 3


def test_a_post_that_may_have_arrived_is_repeated_under_its_own_key(client: Client) -> None:
    Scripted.script = [0, 200]
    client.post("/x", {})
    client.post("/x", {})
    first, again, other = Scripted.keys
    assert first is not None
    assert first == again != other


def test_a_refusal_is_final(client: Client) -> None:
    Scripted.script = [404]
    with pytest.raises(ClientError, match="404: said so") as refusal:
        client.get("/x")
    assert refusal.value.status == 404
    assert len(Scripted.bodies) == 1


def test_patience_ends(client: Client) -> None:
    Scripted.script = [503] * 1000
    client.patience = 0.05
    with pytest.raises(ClientError, match="503"):
        client.get("/x")


def test_a_service_never_seen_is_not_waited_for() -> None:
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(httpx.ConnectError):
        nobody.get("/x")


def test_the_environment_names_service_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMIT_AUDIT_SERVER", "https://audit.example")
    monkeypatch.setenv("LIMIT_AUDIT_KEY", "la_secret")
    with Client() as client:
        assert client.url == "https://audit.example"
        assert client._http.headers["authorization"] == "Bearer la_secret"  # noqa: SLF001


def test_a_failed_download_leaves_no_file(client: Client, tmp_path: Path) -> None:
    Scripted.script = [404]
    with pytest.raises(ClientError):
        client.download("/x", tmp_path / "ranking.csv")
    assert not list(tmp_path.iterdir())


def test_a_bar_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with show_text_bar("audit", enabled=True) as bar:
        bar.show(0.5, "half")
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with show_text_bar("audit", enabled=True) as bar:
        bar.show(0.5, "half")
        bar.show(1.0)
    assert capsys.readouterr().out.split("\r")[1:] == [
        f"audit   {'█' * 15}{'░' * 15}  50%  half",
        f"audit   {'█' * 30} 100%      \n",
    ]
