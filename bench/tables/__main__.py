"""Measure rankings of mixed tables; one command, resumable.

    python -m bench.tables

Every finished run adds a line to bench/tables/results/tables.jsonl and is not run again; the tables beside it
are made from all lines.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.paper.results import Results
from bench.peers.__main__ import machine
from bench.tables.detectors import measure
from bench.tables.tasks import NOISES, TABLES, make_task

FOLDER = Path(__file__).with_name("results")
RATES = (0.03, 0.2)


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = Results(FOLDER / "tables.jsonl")
    for seed in options.seeds:
        for noise in NOISES:
            for rate in options.rates:
                for name in options.tables:
                    key = {"table": name, "noise": noise, "rate": rate, "seed": seed}
                    if results.get(key) is None:
                        found = measure(make_task(name, noise, rate, seed=seed), seed=seed)
                        results.add(key, {"scores": found, "machine": machine()})
    lines = list(results.lines())
    (FOLDER / "rankings.md").write_text(_tabulate(lines))
    (FOLDER / "cuts.md").write_text(_tabulate_cuts(lines))


def _tabulate(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return mean areas under ROC and average precisions over the tables, by noise and ranking."""
    cells: dict[tuple[str, float, str], list[tuple[float, float]]] = defaultdict(list)
    for line in lines:
        for name, found in line["scores"].items():
            for noise in (line["key"]["noise"], "both"):
                cells[noise, line["key"]["rate"], name].append((found["auroc"], found["ap"]))
    groups = list(dict.fromkeys((noise, rate) for noise, rate, _ in sorted(cells)))
    rows = [f"| ranking | {' | '.join(f'{noise}, {rate:.0%}' for noise, rate in groups)} |"]
    rows.append("|---" * (len(groups) + 1) + "|")
    for name in dict.fromkeys(name for _, _, name in cells):
        means = [np.mean(cells[(*group, name)], axis=0) for group in groups]
        rows.append(
            f"| {name} | {' | '.join(f'{area:.3f} / {precision:.3f}' for area, precision in means)} |"
        )
    return "\n".join(rows) + "\n"


def _tabulate_cuts(lines: Iterable[Mapping[str, Any]]) -> str:
    rows = ["| table | noise | wrong | flagged | precision | recall | count | interval | claimed | seconds |"]
    rows.append("|---" * 10 + "|")
    for line in lines:
        key, found = line["key"], line["scores"]["**service**"]
        precision = "none" if found["precision"] is None else f"{found['precision']:.2f}"
        low, high = found["interval"]
        cells = [
            *(key["table"], f"{key['noise']}, {key['rate']:.0%}", str(found["truth"]), str(found["flagged"])),
            *(precision, f"{found['recall']:.2f}", f"{found['count']:.0f}", f"{low:.0f} to {high:.0f}"),
            *("yes" if found["may_claim"] else "no", f"{found['seconds']:.0f}"),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
