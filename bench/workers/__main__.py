"""The same work with 1, 2 and 4 training workers: features in shards, and trainings of one audit.

    python -m bench.workers [--pictures 3200] [--workers 1 2 4]

Starts a service on loopback; workers join it by its addresses, as another host's would, one thread each.
Every measurement has pictures of its own, so that no feature is reused. Prints a table and appends it to
bench/workers/RESULTS.md.
"""

import argparse
import io
import os
import platform
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import create_engine, text

from app.client import Client
from app.embedded.local_stack import LocalStack
from bench.speed.made import scratch
from tests.end_to_end.joining import joined

RESULTS = Path(__file__).with_name("RESULTS.md")
SHARDS, TRAININGS = 16, 4
SIDES = (160, 120)
FEATURES = """
    SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM feature_shards
    WHERE set_id IN (SELECT id FROM feature_sets WHERE dataset_id = :id)
"""
TRAINED = "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM runs WHERE audit_id = :id"


@dataclass(frozen=True, kw_only=True)
class Row:
    """Seconds of one number of workers, from the first start to the last end."""

    workers: int
    features: float
    trainings: float


def write_photographs(path: Path, *, count: int, seed: int) -> Path:
    """Write JPEGs of two colours in class folders."""
    drawn = np.random.default_rng(seed)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            pixels = drawn.integers(0, 150, (SIDES[1], SIDES[0], 3), dtype=np.uint8)
            pixels[..., number % 2] += 100
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="JPEG")
            archive.writestr(f"{('red', 'green')[number % 2]}/{number:05}.jpg", buffer.getvalue())
    return path


def measure(stack: LocalStack, folder: Path, *, workers: int, count: int) -> Row:
    """Audit new pictures by so many workers, of which the service itself has one."""
    file = write_photographs(folder / f"{workers}.zip", count=count, seed=workers)
    names = [f"joined{number}" for number in range(workers - 1)]
    with Client(stack.url) as client, joined(stack, *names, folder=folder):
        dataset = client.upload(file, name=f"{workers} workers", progress=False).wait(progress=False)
        audit = dataset.audit(repeats=TRAININGS)
        audit.wait(progress=False)
    return Row(
        workers=workers,
        features=_read_span(stack, FEATURES, dataset.id),
        trainings=_read_span(stack, TRAINED, audit.id),
    )


def _read_span(stack: LocalStack, statement: str, of: str) -> float:
    engine = create_engine(stack.environment["LIMIT_AUDIT_DATABASE_URL"])
    with engine.connect() as connection:
        seconds = connection.execute(text(statement), {"id": of}).scalar_one()
    engine.dispose()
    return float(seconds)


def write_table(rows: Sequence[Row], count: int) -> str:
    """Return seconds, rates, and how much faster than one worker it was."""
    first = rows[0]
    lines = [
        f"| {row.workers} | {row.features:.1f} | {count / row.features:.0f}"
        f" | {first.features / row.features:.2f} | {row.trainings:.1f}"
        f" | {first.trainings / row.trainings:.2f} |"
        for row in rows
    ]
    head = "| workers | features, s | pictures/s | times as fast | trainings, s | times as fast |"
    return "\n".join([head, "| --- " * 6 + "|", *lines])


def main() -> int:
    """Measure, print, and keep what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=3_200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    load = os.getloadavg()[0]
    quick = {
        "OMP_NUM_THREADS": "1",
        "LIMIT_AUDIT_FEATURE_SHARD_SIZE": str(options.pictures // SHARDS),
    }
    with scratch() as folder, LocalStack(folder / "service", overrides=quick) as stack:
        rows = [
            measure(stack, folder, workers=workers, count=options.pictures) for workers in options.workers
        ]
    now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    said = (
        f"## {now} UTC\n\n{options.pictures} pictures of {SIDES[0]} x {SIDES[1]} in {SHARDS} shards, then"
        f" {TRAININGS} trainings, {os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the"
        f" start.\n\n{write_table(rows, options.pictures)}\n"
    )
    sys.stdout.write(f"\n{said}\n")
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(f"\n{said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
