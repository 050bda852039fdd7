"""Features by several workers: four shards, three workers, one of them killed with its shard in hand."""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from sqlalchemy import create_engine, text

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests import patience

WORKER = (
    "-m", "celery", "-A", "worker.processes.gpu", "worker", "--concurrency", "1",
    "--max-tasks-per-child", "1", "--without-gossip", "--without-mingle",
)  # fmt: skip
WAIT_SECONDS = patience.scale(250)
PICTURES, SHARDS = 160, 4
QUICK = {
    "LIMIT_AUDIT_LEASE_SECONDS": "4",
    "LIMIT_AUDIT_HEARTBEAT_SECONDS": "0.3",
    "LIMIT_AUDIT_SWEEP_SECONDS": "1",
    "LIMIT_AUDIT_RESEND_SECONDS": "2",
    "LIMIT_AUDIT_FEATURE_SHARD_SIZE": str(PICTURES // SHARDS),
    "OMP_NUM_THREADS": "1",
}


def until(reached: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it returns at last
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if (found := reached()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {WAIT_SECONDS} seconds")


def find_ready(log: Path) -> bool | None:
    return b" ready." in log.read_bytes() or None


@pytest.fixture
def stack(open_folder: Path) -> Iterator[LocalStack]:
    with LocalStack(open_folder / "features", overrides=QUICK) as running:
        yield running


@pytest.fixture
def others(stack: LocalStack, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start two more training workers."""
    workers = []
    for number in (2, 3):
        with (tmp_path / f"worker{number}.log").open("wb") as log:
            command = [sys.executable, *WORKER, "--hostname", f"host{number}@%h"]
            workers.append(
                subprocess.Popen(
                    command,
                    env=stack.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
    for number in (2, 3):
        until(partial(find_ready, tmp_path / f"worker{number}.log"))
    yield workers
    for worker in workers:
        children = psutil.Process(worker.pid).children(recursive=True) if worker.poll() is None else []
        worker.kill()
        for child in children:
            child.kill()
        worker.wait()


def write_photographs(path: Path) -> Path:
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(PICTURES):
            pixels = generator.integers(0, 150, (80, 100, 3), dtype=np.uint8)
            pixels[..., number % 2] += 100
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="JPEG")
            archive.writestr(f"{'red' if number % 2 == 0 else 'green'}/{number:03}.jpg", buffer.getvalue())
    return path


def test_a_killed_worker_costs_its_shard_alone(
    stack: LocalStack, others: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    file = write_photographs(tmp_path / "photographs.zip")
    engine = create_engine(stack.environment["LIMIT_AUDIT_DATABASE_URL"])

    def read(statement: str) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(text(statement)).all())

    with Client(stack.url) as client, engine.connect() as holding:
        dataset = client.upload(file, name="photographs", progress=False).wait(progress=False)
        # While this is held, workers that have claimed a shard wait for the places of its pictures.
        holding.execute(text("LOCK TABLE samples IN ACCESS EXCLUSIVE MODE"))
        audit = dataset.audit(epochs=2)

        def find_victim() -> str | None:
            pids = {child.pid for child in psutil.Process(others[0].pid).children(recursive=True)}
            rows = read("SELECT id, worker FROM feature_shards WHERE status = 'running'")
            held = [str(row.id) for row in rows if int(row.worker.rpartition(":")[2]) in pids]
            return held[0] if held and len(rows) == len(others) + 1 else None

        victim = until(find_victim)
        os.killpg(others[0].pid, signal.SIGKILL)
        holding.rollback()
        audit.wait(progress=False, timeout=WAIT_SECONDS)
        shards = read("SELECT id, status, attempt, sha256, worker FROM feature_shards ORDER BY number")
        assert [shard.status for shard in shards] == ["succeeded"] * SHARDS
        again = [str(shard.id) for shard in shards if shard.attempt == 2]
        assert again == [victim], "the lost shard alone was computed again"
        assert audit.refresh()["runs"][0]["attempt"] == 1
        interrupted = np.load(audit.export("features.npy", tmp_path / "interrupted.npy"))
        audit.delete()
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM feature_sets"))
        whole = dataset.audit(epochs=2).wait(progress=False, timeout=WAIT_SECONDS)
        assert read("SELECT max(attempt) FROM feature_shards")[0][0] == 1
        np.testing.assert_array_equal(
            interrupted, np.load(whole.export("features.npy", tmp_path / "whole.npy"))
        )
    engine.dispose()
