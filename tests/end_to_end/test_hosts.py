"""Workers that join by URL alone: an audit's runs spread over them, and one of them is lost in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests import patience
from tests.builders.pictures import write_digits_zip

WORKER = (
    "-m", "celery", "-A", "worker.processes.gpu", "worker", "--concurrency", "1",
    "--max-tasks-per-child", "1", "--without-gossip", "--without-mingle",
)  # fmt: skip
WAIT_SECONDS = patience.scale(250)


@pytest.fixture(scope="module")
def stack(open_folder: Path) -> Iterator[LocalStack]:
    quick = {
        "LIMIT_AUDIT_LEASE_SECONDS": "4",
        "LIMIT_AUDIT_HEARTBEAT_SECONDS": "0.3",
        "LIMIT_AUDIT_SWEEP_SECONDS": "1",
        "LIMIT_AUDIT_RESEND_SECONDS": "2",
        "LIMIT_AUDIT_CHECKPOINT_SECONDS": "0",
        "OMP_NUM_THREADS": "1",
    }
    with LocalStack(open_folder / "hosts", overrides=quick) as running:
        yield running


@pytest.fixture
def joined(stack: LocalStack, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker of another host: it is told where database, broker and files are, and nothing else."""
    told = {name: value for name, value in stack.environment.items() if name.startswith("LIMIT_AUDIT_")}
    plain = {
        name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "TMPDIR") if name in os.environ
    }
    environment = {**plain, **told, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, *WORKER, "--hostname", "second@%h"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield worker
    children = _tree(worker.pid)
    worker.kill()
    for child in children:
        child.kill()
    worker.wait()


def _tree(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []


def _until(
    client: Client, audit_id: str, reached: Callable[[list[dict[str, Any]]], object]
) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        audit: dict[str, Any] = client.get(f"/v1/audits/{audit_id}")
        if reached(audit["runs"]):
            return audit
        time.sleep(0.1)
    raise AssertionError(f"not within {WAIT_SECONDS} seconds: {audit['runs']}")


def test_runs_spread_over_workers_and_a_lost_one_s_run_is_finished_by_another(
    stack: LocalStack, joined: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    file = write_digits_zip(tmp_path / "digits.zip", per_class=60, classes=5)
    with Client(stack.url) as client:
        dataset = client.upload(file, name="digits", progress=False).wait(progress=False)
        asked: dict[str, Any] = {
            "repeats": 3,
            "epochs": 60,
            "method": "limit_g",
            "network": "mnist_cnn",
            "input_size": 28,
        }
        audit_id = dataset.audit(**asked).id

        def both_train(runs: list[dict[str, Any]]) -> bool:
            training = [run for run in runs if run["status"] == "running"]
            return len(training) > 1 and all((run["progress"] or {}).get("epoch", 0) > 1 for run in training)

        _until(client, audit_id, both_train)
        # The second host's power goes: no farewell, nothing handed back.
        os.killpg(joined.pid, signal.SIGKILL)
        audit = _until(client, audit_id, lambda runs: all(run["finished_at"] for run in runs))
        assert [run["status"] for run in audit["runs"]] == ["succeeded"] * 3
        assert max(run["attempt"] for run in audit["runs"]) == 2, "the lost run was claimed again"
        _until(client, audit_id, lambda _: client.get(f"/v1/audits/{audit_id}")["status"] == "succeeded")
        client.get_audit(audit_id).download(tmp_path / "ranking.csv")
    assert len((tmp_path / "ranking.csv").read_text().splitlines()) == 301
