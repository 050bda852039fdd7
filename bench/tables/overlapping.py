"""Counts that are claimed of small tables whose classes overlap, where the truth is known.

    python -m bench.tables.overlapping [--rows 250 400 1000] [--seeds 30] [--rate 0.06]

Four classes by two numbers and two categories, of which the best rule takes about one row in seven for
another class. Prints, for each number of rows, how many audits claim a count and how many intervals miss it.

Array names: N rows.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.evidence.service_ranking import measure_cut
from bench.tables.detectors import audit_table
from bench.tables.tasks import Task

SHARES = (0.4, 0.3, 0.2, 0.1)
PLACES = ((0.0, 0.0), (2.4, 0.4), (0.6, 2.4), (2.6, 2.6))
REGIONS = ((0.4, 0.3, 0.2, 0.1), (0.1, 0.5, 0.1, 0.3), (0.25, 0.25, 0.25, 0.25), (0.1, 0.1, 0.4, 0.4))
PLANS = ((0.7, 0.2, 0.1), (0.2, 0.6, 0.2), (0.3, 0.3, 0.4), (0.1, 0.2, 0.7))


def make_overlapping(rows: int, rate: float, seed: int) -> Task:
    """Return a table, `rate` of whose labels are wrong, all other classes alike."""
    generator = np.random.default_rng(seed)
    classes = len(SHARES)
    correct_N = generator.choice(classes, rows, p=SHARES)
    numbers = np.array(PLACES)[correct_N] + generator.normal(size=(rows, 2))
    wrong = generator.choice(rows, round(rate * rows), replace=False)
    given_N = correct_N.copy()
    given_N[wrong] = (correct_N[wrong] + generator.integers(1, classes, len(wrong))) % classes
    table: dict[str, list[Any]] = {
        "age": numbers[:, 0].round(3).tolist(),
        "sales": np.exp(numbers[:, 1]).round(3).tolist(),
        "region": [f"region {generator.choice(4, p=REGIONS[each])}" for each in correct_N],
        "plan": [f"plan {generator.choice(3, p=PLANS[each])}" for each in correct_N],
    }
    return Task(name="overlapping", table=table, given_N=given_N, correct_N=correct_N)


def main() -> int:
    """Measure, and print a line for each number of rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[250, 400, 1_000])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--rate", type=float, default=0.06)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for rows in options.rows:
        found = [_measure(make_overlapping(rows, options.rate, seed), seed) for seed in range(options.seeds)]
        claimed = [each for each in found if each["may_claim"]]
        sys.stdout.write(
            f"{rows} rows, {options.rate:.0%} wrong: {len(claimed)} of {len(found)} claimed,"
            f" {sum(map(_misses, claimed))} of these intervals miss the truth,"
            f" {sum(map(_misses, found))} of all\n"
        )
    return 0


def _measure(task: Task, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        trained = audit_table(task, Path(folder), seed=seed)
    return measure_cut(trained, task.given_N, task.is_error)


def _misses(found: dict[str, Any]) -> bool:
    low, high = found["interval"]
    return not low <= found["truth"] <= high


if __name__ == "__main__":
    sys.exit(main())
