"""The commands of the parts that are programs of this project."""

import sys
from pathlib import Path

GRACE_SECONDS = 3
CELERY = (sys.executable, "-m", "celery", "-A")
WORKER = ("worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle")
ONE = ("--concurrency", "1")
READERS = ("--concurrency", "2")
"""Two uploads at a time, of different workspaces, so that a long one does not keep the others waiting."""
DELIVERIES = ("-P", "threads", "--concurrency", "8")
"""Threads that mostly wait for receivers of webhooks."""


def build_api(host: str, port: int) -> list[str]:
    """Return the command of the API at an address.

    Event streams end only at a graceful shutdown. `TimeoutProtocol` closes connections of clients that
    neither send nor read.
    """
    return [
        sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--host", host,
        "--port", str(port), "--http", "app.http.connection_timeouts:TimeoutProtocol",
        "--no-access-log", "--timeout-graceful-shutdown", str(GRACE_SECONDS),
    ]  # fmt: skip


def build_workers(schedule: Path) -> dict[str, list[str]]:
    """Return the commands of the workers by name; beat keeps its schedule in a file."""
    train = ("-n", "train@%h", "--max-tasks-per-child", "1")
    beat = ("-P", "solo", "-B", "--schedule", str(schedule))
    cpu = "worker.processes.cpu"
    return {
        "worker-cpu": [*CELERY, cpu, *WORKER, *READERS, "-Q", "cpu", "-n", "cpu@%h"],
        "worker-finish": [*CELERY, cpu, *WORKER, *ONE, "-Q", "finish", "-n", "finish@%h"],
        "worker-light": [
            *CELERY,
            "worker.processes.light",
            *WORKER,
            *DELIVERIES,
            "-Q",
            "light",
            "-n",
            "light@%h",
        ],
        "worker-train": [*CELERY, "worker.processes.gpu", *WORKER, *ONE, *train],
        "beat": [
            *CELERY,
            "worker.processes.control",
            *WORKER,
            *ONE,
            "-Q",
            "control",
            "-n",
            "control@%h",
            *beat,
        ],
    }
