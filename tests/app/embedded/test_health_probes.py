import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.embedded import health_probes
from app.embedded.health_probes import Unhealthy

pytestmark = pytest.mark.service


class Answering(BaseHTTPRequestHandler):
    """Says what its server was told to say."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(b'{"status": "failing", "checks": {"broker": "TimeoutError"}}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Answering) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def test_the_api_is_well_when_it_says_so_and_unwell_with_its_own_words(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    server.status = 200  # type: ignore[attr-defined]
    health_probes.check_api(url)
    server.status = 503  # type: ignore[attr-defined]
    with pytest.raises(Unhealthy, match="broker"):
        health_probes.check_api(url)


def test_an_api_that_is_not_there_is_unwell() -> None:
    with pytest.raises(Unhealthy, match="does not answer"):
        health_probes.check_api("http://127.0.0.1:9")


def test_beat_is_well_while_it_writes_its_schedule(tmp_path: Path) -> None:
    with pytest.raises(Unhealthy, match="no schedule"):
        health_probes.check_beat(tmp_path)
    schedule = tmp_path / "schedule.db"
    schedule.touch()
    health_probes.check_beat(tmp_path)
    long_ago = time.time() - 3600
    os.utime(schedule, (long_ago, long_ago))
    with pytest.raises(Unhealthy, match="3600 seconds ago"):
        health_probes.check_beat(tmp_path)
