"""Hosts that share only database, broker and bucket; the wire of one is cut while it trains."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import make_url

from app.client import Client, Dataset
from app.embedded.local_stack import LocalStack
from tests import patience
from tests.builders.pictures import write_digits_zip
from tests.end_to_end import buckets, networks
from tests.end_to_end.buckets import Bucket
from tests.end_to_end.joining import WORKER, tell
from tests.end_to_end.networks import Remote

pytestmark = pytest.mark.skipif(not networks.possible(), reason=networks.MISSING)
QUICK = {
    "LIMIT_AUDIT_LEASE_SECONDS": "6",
    "LIMIT_AUDIT_HEARTBEAT_SECONDS": "0.5",
    "LIMIT_AUDIT_SWEEP_SECONDS": "1",
    "LIMIT_AUDIT_RESEND_SECONDS": "3",
    "LIMIT_AUDIT_CHECKPOINT_SECONDS": "0.3",
    "OMP_NUM_THREADS": "1",
}
SMALL: dict[str, Any] = {"method": "limit_g", "network": "mnist_cnn", "input_size": 28, "folds": 1}
TRAINED = 4
"""After so many epochs of some tenths of a second a training has a checkpoint, and most is still to come."""
WAIT_SECONDS = patience.scale(280)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with buckets.serving() as made:
        yield made


@pytest.fixture(scope="module")
def stack(open_folder: Path, bucket: Bucket) -> Iterator[LocalStack]:
    """Run the service; its own training worker takes from a queue that nothing is sent to."""
    nowhere = {"LIMIT_AUDIT_TRAIN_QUEUES": "train.nowhere"}
    with LocalStack(
        open_folder / "cut", overrides={**QUICK, **bucket.settings("files"), **nowhere}
    ) as running:
        yield running


@pytest.fixture
def client(stack: LocalStack) -> Iterator[Client]:
    with Client(stack.url) as opened:
        yield opened


def digits(client: Client, folder: Path) -> Dataset:
    file = write_digits_zip(folder / "digits.zip", per_class=60, classes=5)
    return client.upload(file, name="digits", progress=False).wait(progress=False)


@pytest.fixture
def hosts() -> Iterator[tuple[Remote, Remote]]:
    with networks.remote(1) as first, networks.remote(2) as second:
        yield first, second


def told(stack: LocalStack, bucket: Bucket, host: Remote, disk: Path, *, queues: str) -> dict[str, str]:
    """Return what the worker of a host is told: where database, broker and bucket are, seen from there."""
    database = make_url(stack.environment["LIMIT_AUDIT_DATABASE_URL"])
    broker = urlsplit(stack.environment["LIMIT_AUDIT_BROKER_URL"])
    s3 = bucket.url.removeprefix("http://").partition(":")
    ports = [
        host.forward(f"{database.query['host']}/.s.PGSQL.{database.port or 5432}"),
        host.forward(broker.path),
        host.forward((s3[0], int(s3[2]))),
    ]
    there = database.set(host=host.gateway, port=ports[0]).difference_update_query(["host"])
    return tell(stack) | {
        "LIMIT_AUDIT_DATABASE_URL": there.render_as_string(hide_password=False),
        "LIMIT_AUDIT_BROKER_URL": f"redis://:{broker.password}@{host.gateway}:{ports[1]}/0",
        "LIMIT_AUDIT_STORAGE_ENDPOINT": f"http://{host.gateway}:{ports[2]}",
        "LIMIT_AUDIT_STORAGE_DIR": str(disk / host.name),
        "LIMIT_AUDIT_TRAIN_QUEUES": queues,
    }  # fmt: skip


def until(
    client: Client, audit_id: str, reached: Callable[[list[dict[str, Any]]], object]
) -> list[dict[str, Any]]:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        runs: list[dict[str, Any]] = client.get(f"/v1/audits/{audit_id}")["runs"]
        if reached(runs):
            return runs
        time.sleep(0.1)
    raise AssertionError(f"not within {WAIT_SECONDS} seconds: {runs}")


def training(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        run
        for run in runs
        if run["status"] == "running" and (run["progress"] or {}).get("epoch", 0) > TRAINED
    ]


def ended(runs: list[dict[str, Any]]) -> bool:
    return all(run["finished_at"] for run in runs)


def test_runs_go_to_hosts_that_can_serve_them_and_a_host_cut_off_costs_nothing(
    stack: LocalStack,
    client: Client,
    bucket: Bucket,
    hosts: tuple[Remote, Remote],
    tmp_path: Path,
) -> None:
    steady, unsteady = hosts
    dataset = digits(client, tmp_path)

    def joining(host: Remote, queues: str) -> Any:  # noqa: ANN401 - a context
        environment = told(stack, bucket, host, tmp_path, queues=queues)
        log = tmp_path / f"{host.name}.log"
        return host.running(*WORKER, "--hostname", f"{host.name}@%h", environment=environment, log=log)

    with ExitStack() as joined:
        joined.enter_context(joining(steady, "train.cpu,train"))
        demanding = dataset.audit(**SMALL, epochs=3, device="gpu", device_memory_gb=20)
        (waits,) = until(client, demanding.id, lambda runs: runs[0]["waiting"])
        assert waits["status"] == "queued"
        assert "a GPU and 24 GB or more" in waits["waiting"]["detail"]
        joined.enter_context(joining(unsteady, "train.gpu.24,train"))
        (served,) = until(client, demanding.id, ended)
        assert (served["status"], served["waiting"]) == ("succeeded", None)

        several = dataset.audit(**SMALL, epochs=60, repeats=3)
        until(client, several.id, lambda runs: len(training(runs)) > 1)
        unsteady.cut()
        runs = until(client, several.id, ended)
        assert [run["status"] for run in runs] == ["succeeded"] * 3
        assert max(run["attempt"] for run in runs) == 2, (
            "the run that was cut off went on with the other host"
        )

        unsteady.plug()
        again = dataset.audit(**SMALL, epochs=3, device="gpu", device_memory_gb=20)
        until(client, again.id, ended)
        for audit in (demanding, several, again):
            audit.wait(progress=False).delete()
    dataset.delete()
    assert bucket.objects() == []
