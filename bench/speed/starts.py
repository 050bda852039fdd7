"""Measures how long the API and `limit-audit up` take from their start until they answer."""

import argparse
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median

from bench.speed import made
from bench.speed.figures import Figure
from bench.speed.million import run_api

PORT = 18_791
PATIENCE_SECONDS = 120


def measured(options: argparse.Namespace) -> list[Figure]:
    """Start both several times; the first `up` makes its database, the others find it."""
    with made.scratch() as folder:
        first, *again = [_start_service(folder / "service") for _ in range(1 + options.rounds)]
    with made.scratch() as folder, made.service_state(folder) as (url, _, _):
        api = [_start_api(url, folder) for _ in range(options.rounds)]
    return [
        Figure(part="starts", name="API, until it answers", value=median(api), unit="s", bar="< 2 s"),
        Figure(part="starts", name="limit-audit up, in an empty folder", value=first, unit="s", bar="< 10 s"),
        Figure(part="starts", name="limit-audit up, again", value=median(again), unit="s", bar="< 10 s"),
    ]


def _start_api(url: str, folder: Path) -> float:
    began = time.perf_counter()
    with run_api(url, folder):
        return time.perf_counter() - began


def _start_service(folder: Path) -> float:
    """Return the seconds until a service in a folder answers that all of its parts are ready, and end it."""
    began = time.perf_counter()
    program = str(Path(sys.executable).with_name("limit-audit"))
    command = [program, "up", "--data-dir", str(folder), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own
        try:
            while not _is_ready():
                if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                    raise RuntimeError(f"{' '.join(command)} does not answer")
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGINT)


def _is_ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/v1/health/ready", timeout=10):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False
