"""Measures an audit of a million samples: finishing, pages, files, and a large upload."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import cast

import numpy as np
import psycopg
from sqlalchemy import make_url

from app.http import cursors
from app.tables import Audit
from bench.speed import clients, made
from bench.speed.figures import Figure, Spent, in_turns, middle, ratio, timed
from bench.speed.processes import cpu_seconds, family, highest_memory_mb

CLASSES = 10
CLIENTS = 16
PROCESSES = 2
"""Of the API in docker-compose.yml; `limit-audit up` has one."""
PORT = 18_790
MEMORY_LIMIT_MB = 300
COPY_OUT = "COPY (SELECT * FROM scores WHERE audit_id = '{}' ORDER BY rank) TO STDOUT (FORMAT csv)"


def measured(options: argparse.Namespace) -> list[Figure]:
    """Finish, read and upload; see the module."""
    with made.scratch() as folder, made.service_state(folder) as (url, database, storage):
        source = made.dataset(database, storage, samples=options.samples, classes=CLASSES)
        audit = made.trained_audit(database, storage, source)
        postgres = postmaster(folder)
        before = cpu_seconds(postgres)
        spent = timed(lambda: made.finished(database, storage, audit))
        figures = [_finish_figure(spent, cpu_seconds(postgres) - before, options.samples)]
        with run_api(url, folder) as process:
            figures += _pages(audit, options, process.pid, postgres)
            figures += _files(audit, options, url, process.pid, postgres)
            figures += _upload(folder, options, process.pid)
            figures.append(_memory(process.pid))
        with run_api(url, folder, processes=PROCESSES) as process:
            figures += _pages(audit, options, process.pid, postgres, processes=PROCESSES)
            figures.append(_memory(process.pid, processes=PROCESSES))
    return figures


def postmaster(folder: Path) -> int:
    """Return the process of the PostgreSQL that runs in a folder."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def _finish_figure(spent: Spent, database_cpu: float, samples: int) -> Figure:
    details = {"python_cpu_seconds": round(spent.cpu, 2), "database_cpu_seconds": round(database_cpu, 2)}
    return Figure(
        part="finish",
        name=f"rank, COPY and files of {samples:,} samples",
        value=spent.wall,
        unit="s",
        bar="<= 60 s for 1,000,000",
        limit="database: five indexes of the scores",
        details=details,
    )


@contextmanager
def run_api(url: str, folder: Path, *, processes: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """Run the API as `limit-audit up` does, or with several processes."""
    environment = os.environ | {
        "LIMIT_AUDIT_DATABASE_URL": url,
        "LIMIT_AUDIT_BROKER_URL": "redis+socket:///nonexistent/redis",
        "LIMIT_AUDIT_STORAGE_DIR": str(folder / "files"),
        "LIMIT_AUDIT_AUTHENTICATION": "none",
        "LIMIT_AUDIT_LOG_FORMAT": "text",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(PORT), "--no-access-log", "--log-level", "warning"]
    command += ["--http", "app.http.connection_timeouts:TimeoutProtocol", "--workers", str(processes)]
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own
    try:
        _wait_until_alive()
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_until_alive() -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            clients.answer(PORT, "GET", "/v1/health/live")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _pages(
    audit: Audit, options: argparse.Namespace, api: int, postgres: int, *, processes: int = 1
) -> list[Figure]:
    """Ask for pages of 50 from 16 clients at once, several times."""
    path = f"/v1/audits/{audit.id}/suspects"
    deep = [
        f"{path}?cursor={cursors.encode(int(rank))}" for rank in np.linspace(1, options.samples - 100, 50)
    ]
    figures = []
    for name, paths in (("first page", [path]), ("deep pages", deep)):
        clients.latencies(PORT, paths, clients=CLIENTS, requests=10)
        before, began = cpu_seconds(api) + cpu_seconds(postgres), time.perf_counter()
        rounds = [
            clients.latencies(PORT, paths, clients=CLIENTS, requests=options.requests)
            for _ in range(options.rounds)
        ]
        count, seconds = sum(map(len, rounds)), time.perf_counter() - began
        cpu = cpu_seconds(api) + cpu_seconds(postgres) - before
        alone = clients.latencies(PORT, paths, clients=1, requests=options.requests)
        highest = [float(np.percentile(times, 99)) * 1e3 for times in rounds]
        details = {
            "p99_ms_of_every_round": [round(each, 1) for each in highest],
            "median_ms": round(float(np.median(rounds)) * 1e3, 1),
            "p99_ms_of_one_client": round(float(np.percentile(alone, 99)) * 1e3, 1),
            "server_cpu_ms_per_request": round(cpu / count * 1e3, 2),
            "requests_per_second": round(count / seconds),
        }
        figures.append(
            Figure(part="pages", name=f"{name}, p99 of {CLIENTS} clients, API processes: {processes}",
                   value=median(highest), unit="ms", bar="<= 50 ms", limit="Python", details=details)
        )  # fmt: skip
    return figures


def _files(audit: Audit, options: argparse.Namespace, url: str, api: int, postgres: int) -> list[Figure]:
    """Download both files, and have PostgreSQL write the same scores by itself."""
    sizes: dict[str, int] = {}
    used: dict[str, list[Spent]] = {"copy": [], "ranking.csv": [], "ranking.parquet": []}

    def fetch(name: str) -> None:
        sizes[name] = clients.download(PORT, f"/v1/audits/{audit.id}/{name}")

    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:

        def copy() -> None:
            sizes["copy"] = _copied(connection, audit)

        works = {
            "copy": copy,
            "ranking.csv": lambda: fetch("ranking.csv"),
            "ranking.parquet": lambda: fetch("ranking.parquet"),
        }
        for _ in range(options.rounds):
            for name, work in works.items():
                before = cpu_seconds(api) + cpu_seconds(postgres)
                spent = timed(work)
                served = cpu_seconds(api) + cpu_seconds(postgres) - before
                used[name].append(Spent(wall=spent.wall, cpu=served + spent.cpu))
    figures = []
    for name in ("ranking.csv", "ranking.parquet"):
        scale = sizes[name] / sizes["copy"]
        figures.append(
            Figure(part="files", name=name, value=sizes[name] / middle(used[name]).wall / 1e6, unit="MB/s",
                   ratio=ratio(used[name], used["copy"], scale=scale),
                   against="COPY's bytes per CPU second", bar=">= 0.5" if name == "ranking.csv" else None,
                   limit="bytes", details={"bytes": sizes[name], "copy_bytes": sizes["copy"]})
        )  # fmt: skip
    return figures


def _copied(connection: psycopg.Connection, audit: Audit) -> int:
    """Return how many bytes PostgreSQL's own COPY of the scores has."""
    query = cast("psycopg.abc.Query", COPY_OUT.format(audit.id))
    with connection.cursor().copy(query) as copy:
        return sum(len(block) for block in copy)


def _upload(folder: Path, options: argparse.Namespace, api: int) -> list[Figure]:
    """Upload a large file, and copy and hash it by hand."""
    body = folder / "body.bin"
    with body.open("wb") as file:
        for _ in range(options.upload_mb):
            file.write(os.urandom(2**20))
    served: list[float] = []

    def put() -> None:
        identifier = clients.answer(PORT, "POST", "/v1/datasets", {"name": "upload"})["id"]
        before = cpu_seconds(api)
        clients.upload(PORT, f"/v1/datasets/{identifier}/files/body.bin?complete=false", body)
        served.append(cpu_seconds(api) - before)
        shutil.rmtree(folder / "files" / "datasets" / identifier)

    ours, theirs = in_turns(options.rounds, put, lambda: copy_and_hash(body, folder / "copied.bin"))
    ours = [Spent(wall=each.wall, cpu=each.cpu + cpu) for each, cpu in zip(ours, served, strict=True)]
    wall_ratio = median(two.wall / one.wall for one, two in zip(ours, theirs, strict=True))
    body.unlink()
    return [
        Figure(part="upload", name=f"{options.upload_mb:,} MiB", value=options.upload_mb / middle(ours).wall,
               unit="MiB/s", ratio=ratio(ours, theirs), against="cp and sha256sum", bar=">= 0.6",
               limit="bytes: SHA-256, and twice through the loopback socket",
               details={"cpu_seconds": round(middle(ours).cpu, 2),
               "by_hand_cpu_seconds": round(middle(theirs).cpu, 2),
               "wall_ratio": round(wall_ratio, 2)})
    ]  # fmt: skip


def copy_and_hash(body: Path, copied: Path) -> None:
    """Do what an upload comes to by hand: copy the file, have it on the disk, hash it."""
    with body.open("rb") as source, copied.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
        os.fsync(target.fileno())
    with copied.open("rb") as source:
        hashlib.file_digest(source, "sha256")
    copied.unlink()


def _memory(api: int, *, processes: int = 1) -> Figure:
    return Figure(
        part="memory",
        name=f"largest API process, highest throughout, API processes: {processes}",
        value=max(map(highest_memory_mb, family(api))),
        unit="MiB",
        bar=f"< {MEMORY_LIMIT_MB} MB",
    )
