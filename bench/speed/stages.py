"""Measures a complete audit in the running service, stage by stage, each against the lower limit of its work.

Shape suffix: B samples of a batch.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import torch

from app.client import Audit, Client
from app.embedded.local_stack import LocalStack
from bench.speed import made
from bench.speed.figures import Figure, Spent, middle, timed
from bench.speed.floor import Floor
from bench.speed.ingestion import decode_by_hand, digits_zip, members
from bench.speed.million import copy_and_hash, postmaster
from bench.speed.processes import cpu_seconds
from models.configuration.training_config import TrainingConfig

STAGES = ("upload", "ingestion", "training", "finishing")
POLL_SECONDS = 0.25
SCORING_BATCH = 1_024
NEWEST = {
    "samples": "SELECT * FROM samples WHERE dataset_id = (SELECT id FROM datasets ORDER BY id DESC LIMIT 1)",
    "scores": "SELECT * FROM scores WHERE audit_id = (SELECT id FROM audits ORDER BY id DESC LIMIT 1)",
}


def measured(options: argparse.Namespace) -> list[Figure]:
    """Audit a zip of digits several times with what the service chooses; see the module."""
    ours: dict[str, list[Spent]] = {stage: [] for stage in STAGES}
    floors: dict[str, list[Spent]] = {stage: [] for stage in STAGES}
    with made.scratch() as folder:
        archive = digits_zip(options.data, folder, options.pictures)
        with LocalStack(folder / "service") as stack, Client(stack.url) as client:
            for _ in range(options.rounds):
                audit, spent = _audited(stack, client, archive)
                floor = _floors(stack, audit, archive, folder)
                for stage in STAGES:
                    ours[stage].append(spent[stage])
                    floors[stage].append(floor[stage])
    figures = [_figure(stage, ours[stage], floors[stage], options) for stage in STAGES]
    rounds = range(options.rounds)
    whole = [_sum([ours[stage][turn] for stage in STAGES]) for turn in rounds]
    floor_of_all = [_sum([floors[stage][turn] for stage in STAGES]) for turn in rounds]
    return [*figures, _figure("all", whole, floor_of_all, options)]


def _sum(parts: list[Spent]) -> Spent:
    return Spent(wall=sum(part.wall for part in parts), cpu=sum(part.cpu for part in parts))


def _figure(stage: str, ours: list[Spent], floors: list[Spent], options: argparse.Namespace) -> Figure:
    one, floor = middle(ours), middle(floors)
    return Figure(
        part="stages",
        name=f"{stage}, {options.pictures:,} PNG of 28x28",
        value=one.cpu,
        unit="CPU s",
        ratio=floor.cpu / one.cpu,
        against="the floor",
        details={
            "wall_seconds": round(one.wall, 2),
            "floor_cpu_seconds": round(floor.cpu, 2),
            "floor_wall_seconds": round(floor.wall, 2),
        },
    )


class _Service:
    """The CPU seconds of the whole service, whose parts live as long as it does."""

    def __init__(self, stack: LocalStack) -> None:
        self._pids = [
            stack.find_part(name).process.pid for name in ("api", "worker-cpu", "worker-train", "beat")
        ]
        self._pids.append(postmaster(stack.data_dir))

    @contextmanager
    def spent(self, into: dict[str, Spent], stage: str) -> Iterator[None]:
        """Note what everything used meanwhile."""
        started, before = time.perf_counter(), self._cpu()
        yield
        into[stage] = Spent(wall=time.perf_counter() - started, cpu=self._cpu() - before)

    def _cpu(self) -> float:
        return sum(map(cpu_seconds, self._pids))


def _audited(stack: LocalStack, client: Client, archive: Path) -> tuple[Audit, dict[str, Spent]]:
    service, spent = _Service(stack), dict[str, Spent]()
    with service.spent(spent, "upload"):
        dataset = client.upload(archive, name="stages", progress=False)
    with service.spent(spent, "ingestion"):
        while dataset.refresh().status == "ingesting":
            time.sleep(POLL_SECONDS)
    audit = dataset.audit(seed=0)
    with service.spent(spent, "training"):
        while any(run["status"] in {"queued", "running"} for run in audit.refresh()["runs"]):
            time.sleep(POLL_SECONDS)
    with service.spent(spent, "finishing"):
        while audit.refresh().status in {"queued", "running"}:
            time.sleep(POLL_SECONDS)
    if audit.status != "succeeded":
        raise RuntimeError(f"the audit {audit.status}: {audit['error']}")
    return audit, spent


def _floors(stack: LocalStack, audit: Audit, archive: Path, folder: Path) -> dict[str, Spent]:
    """Do by hand what no way round leads: write and hash, decode, step, score once more, COPY."""
    encoded = members(archive)
    trained = [_training_floor(run, len(encoded)) for run in audit["runs"]]
    return {
        "upload": timed(lambda: copy_and_hash(archive, folder / "copied.bin")),
        "ingestion": _sum([timed(lambda: decode_by_hand(encoded)), _copied_in(stack, "samples")]),
        "training": _sum(trained),
        "finishing": _copied_in(stack, "scores"),
    }


def _training_floor(run: dict[str, Any], sample_count: int) -> Spent:
    """Step as often as a run did on one batch, and score as many samples once."""
    known = {field.name for field in fields(TrainingConfig)}
    config = TrainingConfig(**{name: value for name, value in run["configuration"].items() if name in known})
    epochs = run["progress"]["epoch"]
    floor = Floor(config, channels=1, class_count=10, device=torch.device("cpu"))
    steps = -(-sample_count // config.batch_size) * epochs

    def work() -> None:
        floor.run(steps)
        floor.score(sample_count, SCORING_BATCH)

    return timed(work)


def _copied_in(stack: LocalStack, table: str) -> Spent:
    """COPY the rows of the newest dataset or audit into a table without indexes; PostgreSQL's CPU counts."""
    postgres = postmaster(stack.data_dir)
    address = stack.environment["LIMIT_AUDIT_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY ({NEWEST[table]}) TO STDOUT".encode()) as out:
            blocks = [bytes(block) for block in out]
        cursor.execute(f"CREATE TEMP TABLE bare AS {NEWEST[table]} LIMIT 0".encode())
        before = cpu_seconds(postgres)

        def copy() -> None:
            with cursor.copy(b"COPY bare FROM STDIN") as into:
                into.write(b"".join(blocks))
            cursor.execute(b"SELECT 1")

        spent = timed(copy)
        return Spent(wall=spent.wall, cpu=spent.cpu + cpu_seconds(postgres) - before)
