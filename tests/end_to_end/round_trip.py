"""What a person does between two audits, and a receiver of webhooks that is told of both."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

from app.client import Audit, Client, Suspect
from tests import patience

Bodies = list[dict[str, object]]


@contextmanager
def receiving() -> Iterator[tuple[str, Bodies]]:
    """Yield the address of a receiver of webhooks and what it was told."""
    bodies: Bodies = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", bodies
        finally:
            server.shutdown()
            thread.join()


def wait_for_types(bodies: Bodies, count: int) -> list[object]:
    """Return the types of the messages as soon as there are so many."""
    deadline = time.monotonic() + patience.scale(60)
    while len(bodies) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return [body["type"] for body in bodies]


def read_truth(key: str) -> str:
    """Return a digit's true class, which its file name begins with."""
    return key.split("/")[1][0]


def judge(suspect: Suspect) -> dict[str, object]:
    """Return what a careful person says."""
    label, position = read_truth(suspect["key"]), suspect["position"]
    if label == suspect["given_label"]:
        return {"position": position, "verdict": "keep"}
    return {"position": position, "verdict": "relabel", "label": label}


def follow_events(client: Client, audit: Audit) -> list[str]:
    """Return the names of an audit's events until its end."""
    with httpx.stream(
        "GET", f"{client.url}/v1/audits/{audit.id}/events", timeout=patience.scale(120)
    ) as answer:
        return [line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: ")]
