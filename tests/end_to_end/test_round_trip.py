"""From a folder with planted errors to a cleaned dataset that is audited again, over real processes."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli.root import cli
from app.client import Audit, Client, Suspect
from app.embedded.local_stack import LocalStack
from tests import patience
from tests.builders.pictures import write_digits_zip

PER_CLASS, CLASSES, PLANTED = 60, 5, 30
QUICK: dict[str, Any] = {"method": "limit_g", "network": "mnist_cnn", "epochs": 12, "seed": 1}


@pytest.fixture(scope="module")
def client(open_folder: Path) -> Iterator[Client]:
    private = {"LIMIT_AUDIT_OUTBOUND_PRIVATE": "true"}
    with LocalStack(open_folder / "round-trip", overrides=private) as stack, Client(stack.url) as opened:
        yield opened


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Return the address of a receiver of webhooks and what it was told."""
    bodies: list[dict[str, object]] = []

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
        yield f"http://127.0.0.1:{server.server_port}/", bodies
        server.shutdown()
        thread.join()


def truth(key: str) -> str:
    """Return a digit's true class, which its file name begins with."""
    return key.split("/")[1][0]


def verdict(suspect: Suspect) -> dict[str, object]:
    """Return what a careful person says."""
    label, position = truth(suspect["key"]), suspect["position"]
    if label == suspect["given_label"]:
        return {"position": position, "verdict": "keep"}
    return {"position": position, "verdict": "relabel", "label": label}


def events_until_the_end(client: Client, audit: Audit) -> list[str]:
    with httpx.stream(
        "GET", f"{client.url}/v1/audits/{audit.id}/events", timeout=patience.scale(120)
    ) as answer:
        return [line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: ")]


def test_planted_errors_that_were_corrected_are_gone_when_the_export_is_audited_again(
    client: Client, tmp_path: Path, told: tuple[str, list[dict[str, object]]]
) -> None:
    url, bodies = told
    client.post("/v1/webhooks", {"url": url})
    file = write_digits_zip(tmp_path / "digits.zip", per_class=PER_CLASS, classes=CLASSES)
    dataset = client.upload(file).wait()
    first = client.audit(dataset, **QUICK)
    seen = events_until_the_end(client, first)
    assert (seen.count("epoch"), seen.count("end"), seen[-1]) == (QUICK["epochs"], 1, "end")
    assert seen.count("audit") > 1
    first.wait()

    verdicts = [verdict(suspect) for suspect in first.suspects().first(2 * PLANTED)]
    corrected = sum(said["verdict"] == "relabel" for said in verdicts)
    assert corrected > 0.9 * PLANTED
    assert first.review(verdicts, reviewer="ada") == []

    target = tmp_path / "cleaned.zip"
    done = CliRunner().invoke(
        cli, ["export", "dataset", dataset.id, "--out", str(target), "--server", client.url]
    )
    assert done.output.strip() == str(target)

    again = client.upload(target).wait()
    second = client.audit(again, **QUICK).wait()
    wrong = [row["key"] for row in second.suspects() if row["given_label"] != truth(row["key"])]
    assert len(wrong) == PLANTED - corrected
    assert second.summary["expected_error_count"] < first.summary["expected_error_count"] / 3
    assert wait_for(bodies, 2) == ["audit.succeeded"] * 2
    assert {body["data"]["id"] for body in bodies} == {first.id, second.id}  # type: ignore[index]


def wait_for(bodies: list[dict[str, object]], count: int) -> list[object]:
    deadline = time.monotonic() + patience.scale(60)
    while len(bodies) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return [body["type"] for body in bodies]
