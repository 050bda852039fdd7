"""Workers that join by URL alone: runs and features spread over them, and one is lost in the middle."""

import io
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
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
from tests.builders.pictures import write_digits_zip
from tests.end_to_end.joining import joined

WAIT_SECONDS = patience.scale(250)
PICTURES, SHARDS = 160, 4
QUICK = {
    "LIMIT_AUDIT_LEASE_SECONDS": "4",
    "LIMIT_AUDIT_HEARTBEAT_SECONDS": "0.3",
    "LIMIT_AUDIT_SWEEP_SECONDS": "1",
    "LIMIT_AUDIT_RESEND_SECONDS": "2",
    "LIMIT_AUDIT_CHECKPOINT_SECONDS": "0",
    "LIMIT_AUDIT_FEATURE_SHARD_SIZE": str(PICTURES // SHARDS),
    "OMP_NUM_THREADS": "1",
}
LONG: dict[str, Any] = {
    "epochs": 60, "method": "limit_g", "network": "mnist_cnn", "input_size": 28, "folds": 1,
}  # fmt: skip
"""A training of some seconds: long enough that a worker can be lost in it."""


@pytest.fixture(scope="module")
def stack(open_folder: Path) -> Iterator[LocalStack]:
    with LocalStack(open_folder / "lost-workers", overrides=QUICK) as running:
        yield running


def until(reached: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it returns at last
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if (found := reached()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {WAIT_SECONDS} seconds")


def until_runs(
    client: Client, audit_id: str, reached: Callable[[list[dict[str, Any]]], object]
) -> dict[str, Any]:
    """Wait for a state of an audit's runs, and return the audit."""

    def look() -> dict[str, Any] | None:
        audit: dict[str, Any] = client.get(f"/v1/audits/{audit_id}")
        return audit if reached(audit["runs"]) else None

    found: dict[str, Any] = until(look)
    return found


def test_runs_spread_over_workers_and_a_lost_one_s_run_is_finished_by_another(
    stack: LocalStack, tmp_path: Path
) -> None:
    file = write_digits_zip(tmp_path / "digits.zip", per_class=60, classes=5)
    with Client(stack.url) as client, joined(stack, "second", folder=tmp_path) as (second,):
        dataset = client.upload(file, name="digits", progress=False).wait(progress=False)
        audit_id = dataset.audit(**LONG, repeats=3).id

        def both_train(runs: list[dict[str, Any]]) -> bool:
            training = [run for run in runs if run["status"] == "running"]
            return len(training) > 1 and all((run["progress"] or {}).get("epoch", 0) > 1 for run in training)

        until_runs(client, audit_id, both_train)
        # The second host's power goes: no farewell, nothing handed back.
        os.killpg(second.pid, signal.SIGKILL)
        audit = until_runs(client, audit_id, lambda runs: all(run["finished_at"] for run in runs))
        assert [run["status"] for run in audit["runs"]] == ["succeeded"] * 3
        assert max(run["attempt"] for run in audit["runs"]) == 2, "the lost run was claimed again"
        finished = client.get_audit(audit_id).wait(progress=False, timeout=WAIT_SECONDS)
        finished.download(tmp_path / "ranking.csv")
    assert len((tmp_path / "ranking.csv").read_text().splitlines()) == 301


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


def test_a_killed_worker_costs_its_shard_alone(stack: LocalStack, tmp_path: Path) -> None:
    """Four shards, three workers, one of them killed with its shard in hand."""
    file = write_photographs(tmp_path / "photographs.zip")
    engine = create_engine(stack.environment["LIMIT_AUDIT_DATABASE_URL"])

    def read(statement: str) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(text(statement)).all())

    with (
        Client(stack.url) as client,
        engine.connect() as holding,
        joined(stack, "host2", "host3", folder=tmp_path) as others,
    ):
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
