"""Honest requests in such numbers, or of such sizes, that they could keep a service to themselves."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

from tests import patience
from tests.hostile.bystander import Bystander

Stall = Callable[[httpx.Client, Bystander], str]
STALLS: dict[str, Stall] = {}
MANY_ROWS, MANY_CLASSES = 5_000, 2_500
"""As many rows as the service under test takes."""


def stall(name: str) -> Callable[[Stall], Stall]:
    """Enter a function into the list."""

    def enter(function: Stall) -> Stall:
        STALLS[name] = function
        return function

    return enter


def start_reading(client: httpx.Client, content: bytes) -> str:
    """Upload a table and return its dataset."""
    dataset = str(client.post("/v1/datasets", json={"name": "hostile"}).json()["id"])
    client.put(f"/v1/datasets/{dataset}/files/a.csv", content=content).raise_for_status()
    return dataset


def until(client: httpx.Client, path: str, statuses: set[str], seconds: float) -> str:
    """Wait until a dataset or an audit has one of these statuses."""
    deadline = time.monotonic() + patience.scale(seconds)
    while time.monotonic() < deadline:
        status = str(client.get(path).json()["status"])
        if status in statuses:
            return status
        time.sleep(0.2)
    raise AssertionError(f"{path} was none of {statuses} in time")


@stall("stall: eight large tables of one workspace wait to be read")
def eight_tables(client: httpx.Client, _: Bystander) -> str:
    head = b",".join(b"f%d" % column for column in range(800)) + b",label\n"
    rows = b"".join(b"%d.%d," % (n % 97, n % 89) * 800 + b"%d\n" % (n % 4) for n in range(MANY_ROWS))
    datasets = [start_reading(client, head + rows) for _ in range(8)]
    found = [until(client, f"/v1/datasets/{each}", {"ready", "rejected"}, 120) for each in datasets]
    assert found == ["ready"] * 8
    return "read one after the other"


class _Receiver(BaseHTTPRequestHandler):
    """Notes that a message came."""

    came = threading.Event()

    def do_POST(self) -> None:
        """Answer."""
        self.came.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def silent_address() -> Iterator[str]:
    """Yield an address that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@stall("stall: forty webhook tests to addresses that are silent")
def silent_webhooks(client: httpx.Client, other: Bystander) -> str:
    _Receiver.came.clear()
    with silent_address() as silent, HTTPServer(("127.0.0.1", 0), _Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hooks = [client.post("/v1/webhooks", json={"url": silent}).json()["id"] for _ in range(8)]
        tests = [client.post(f"/v1/webhooks/{hook}/test").status_code for hook in hooks for _ in range(6)]
        assert tests.count(202) == 40, tests
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        with httpx.Client(base_url=other.url, trust_env=False, timeout=patience.scale(30)) as mine:
            mine.headers["Authorization"] = f"Bearer {other.secret}"
            hook = mine.post("/v1/webhooks", json={"url": url}).raise_for_status().json()["id"]
            started = time.monotonic()
            mine.post(f"/v1/webhooks/{hook}/test").raise_for_status()
            assert _Receiver.came.wait(patience.scale(2)), "the message of another workspace waited"
            seconds = time.monotonic() - started
            mine.delete(f"/v1/webhooks/{hook}")
        for each in hooks:
            client.delete(f"/v1/webhooks/{each}")
        server.shutdown()
    return f"another workspace's message came after {seconds:.1f} s"


@stall("stall: an audit of five thousand rows with 2,500 classes")
def many_classes(client: httpx.Client, _: Bystander) -> str:
    rows = b"".join(
        b"%d,%d,%d,c%d\n" % (n % 91, n * 7 % 89, n % 83, n % MANY_CLASSES) for n in range(MANY_ROWS)
    )
    dataset = start_reading(client, b"a,b,c,label\n" + rows)
    assert until(client, f"/v1/datasets/{dataset}", {"ready", "rejected"}, 60) == "ready"
    body = {"dataset_id": dataset, "configuration": {"epochs": 1, "batch_size": 512}}
    audit = f"/v1/audits/{client.post('/v1/audits', json=body).raise_for_status().json()['id']}"
    assert until(client, audit, {"succeeded", "failed", "cancelled"}, 120) == "succeeded"
    answer = client.get(audit).json()
    listed = client.get("/v1/audits", params={"dataset_id": dataset})
    assert len(listed.content) < 100_000, f"a list of {len(listed.content)} bytes"
    client.delete(audit)
    client.delete(f"/v1/datasets/{dataset}")
    return f"ranked; the count: {answer['summary']['estimate']['reasons'][0]['code']}"


@stall("stall: an audit of 2,500 classes is cancelled when it is nearly done")
def cancelled_late(client: httpx.Client, _: Bystander) -> str:
    rows = b"".join(
        b"%d,%d,%d,c%d\n" % (n % 91, n * 7 % 89, n % 83, n % MANY_CLASSES) for n in range(MANY_ROWS)
    )
    dataset = start_reading(client, b"a,b,c,label\n" + rows)
    assert until(client, f"/v1/datasets/{dataset}", {"ready", "rejected"}, 60) == "ready"
    body = {"dataset_id": dataset, "configuration": {"epochs": 1, "batch_size": 512}}
    audit = f"/v1/audits/{client.post('/v1/audits', json=body).raise_for_status().json()['id']}"
    deadline = time.monotonic() + patience.scale(120)
    while ((found := client.get(audit).json())["runs"][0]["progress"] or {}).get("stage") != "scoring":
        assert found["status"] in {"queued", "running"}, "it ended before its scoring was seen"
        assert time.monotonic() < deadline, "it was never scored"
        time.sleep(0.02)
    asked = time.monotonic()
    client.post(f"{audit}/cancel").raise_for_status()
    assert until(client, audit, {"succeeded", "cancelled"}, 4) == "cancelled"
    seconds = time.monotonic() - asked
    client.delete(audit)
    client.delete(f"/v1/datasets/{dataset}")
    return f"cancelled after {seconds:.1f} s"
