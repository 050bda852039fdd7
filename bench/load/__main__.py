"""Fifty clients for two minutes: uploads, polls, pages and downloads, with hostile connections beside them.

    python -m bench.load [--seconds 120] [--clients 50]

Starts its own service; the clients run on the same cores. Prints one line for each kind of request and
appends it to bench/load/RESULTS.md. The exit code is 1 if there was an error.
"""

import argparse
import os
import platform
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from app.embedded.local_stack import LocalStack
from app.infra.database import Database
from app.infra.settings import PREFIX
from app.infra.storage import Storage
from app.tables import Dataset
from bench.load.clients import Ids, Tally, at_once
from bench.load.hostile import DEAF, SLOW, Hostile
from bench.speed.made import dataset, finished, scratch, trained_audit

RESULTS = Path(__file__).with_name("RESULTS.md")
SAMPLES, CLASSES = 50_000, 10


def made(stack: LocalStack) -> Ids:
    """Store a dataset and a finished audit of it."""
    database = Database(stack.environment[f"{PREFIX}DATABASE_URL"], lambda *_: None)
    files = Storage(Path(stack.environment[f"{PREFIX}STORAGE_DIR"]))
    source = dataset(database, files, samples=SAMPLES, classes=CLASSES)
    audit = trained_audit(database, files, source)
    finished(database, files, audit)
    with database.transaction() as session:  # what an ingestion would have noted, and the pages show
        stored = session.get_one(Dataset, source.id)
        stored.statistics, stored.problem_count = {}, 0
    database.dispose()
    return Ids(str(source.id), str(audit.id))


def table(tally: Tally, seconds: float) -> str:
    """Return a line of Markdown for every kind of request."""
    lines = ["| request | answered | a second | median ms | p99 ms | slowest ms |", "| --- " * 6 + "|"]
    for kind, times in sorted(tally.seconds.items()):
        median, high = np.percentile(times, [50, 99]) * 1000
        figures = f"{len(times) / seconds:.1f} | {median:.0f} | {high:.0f} | {1000 * max(times):.0f}"
        lines.append(f"| {kind} | {len(times)} | {figures} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and keep what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=50)
    options = parser.parse_args()
    with scratch() as folder, LocalStack(folder) as stack:
        ids = made(stack)
        load = os.getloadavg()[0]
        hostile = Hostile(stack.port, f"/v1/audits/{ids.audit}/ranking.csv")
        started = time.monotonic()
        tally = at_once(stack.port, ids, seconds=options.seconds, clients=options.clients)
        seconds = time.monotonic() - started
        hostile.end()
        lasting = os.getloadavg()[0]
    text = (
        f"## {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC\n\n"
        f"{options.clients} clients for {seconds:.0f} s, {os.cpu_count()} cores ({platform.machine()}), load"
        f" {load:.1f} at the start and {lasting:.1f} at the end; beside them {SLOW} connections that send a"
        f" byte a second and {DEAF} that never read: {hostile.opened} opened, {hostile.closed} closed by the"
        f" service.\n\n{table(tally, seconds)}\n\n{len(tally.errors)} errors.\n"
    )
    sys.stdout.write(f"{text}\n")
    for sentence, count in Counter(tally.errors).most_common(10):
        sys.stdout.write(f"{count} x {sentence}\n")
    with RESULTS.open("a", encoding="utf-8") as kept:
        kept.write(f"\n{text}")
    return 1 if tally.errors else 0


if __name__ == "__main__":
    sys.exit(main())
