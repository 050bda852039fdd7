"""Training workers that join a running service, told its addresses and nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.embedded.local_stack import LocalStack
from tests import patience

WORKER = (
    "-m", "celery", "-A", "worker.processes.gpu", "worker", "--concurrency", "1",
    "--max-tasks-per-child", "1", "--without-gossip", "--without-mingle",
)  # fmt: skip
READY = b" ready."
PLAIN = ("PATH", "HOME", "PYTHONPATH", "TMPDIR")
START_SECONDS = patience.scale(250)


def tell(stack: LocalStack) -> dict[str, str]:
    """Return the environment of another host's worker."""
    plain = {name: os.environ[name] for name in PLAIN if name in os.environ}
    told = {name: value for name, value in stack.environment.items() if name.startswith("LIMIT_AUDIT_")}
    return {**plain, **told, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@contextmanager
def joined(stack: LocalStack, *names: str, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run workers that are ready at the beginning, and kill what is left of them at the end."""
    logs = [folder / f"{name}.log" for name in names]
    workers = [_start(stack, name, log) for name, log in zip(names, logs, strict=True)]
    try:
        _wait_until_ready(logs)
        yield workers
    finally:
        for worker in workers:
            _kill(worker)


def _start(stack: LocalStack, name: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *WORKER, "--hostname", f"{name}@%h"],
            env=tell(stack),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_ready(logs: list[Path]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not all(READY in log.read_bytes() for log in logs):
        assert time.monotonic() < deadline, [log.read_text() for log in logs]
        time.sleep(0.05)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(worker.pid).children(recursive=True) if worker.poll() is None else []
    worker.kill()
    for child in children:
        child.kill()
    worker.wait()
