"""Measure rankings and counts on a pretrained encoder's features; one command, resumable.

    python -m bench.feature_views --data DATA --cache FOLDER

Every finished run adds a line to bench/feature_views/results/feature_views.jsonl and is not run again; the
tables beside it are made from all lines.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.evidence.__main__ import table
from bench.feature_views.detectors import count, rank
from bench.feature_views.tasks import TASKS, load
from bench.paper.results import Results
from bench.peers.__main__ import machine

FOLDER = Path(__file__).with_name("results")


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="the folder of features")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", nargs="+", type=int, default=[20])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = Results(FOLDER / "feature_views.jsonl")
    for seed in options.seeds:
        for name in options.tasks:
            task = load(name, options.data, options.cache, seed)
            for epochs in options.epochs:
                key = {"task": name, "seed": seed, "settings": {"folds": 4, "epochs": epochs}}
                if results.get(key) is None:
                    scores, opinions = rank(task, seed=seed, epochs=epochs)
                    line = {"noise_rate": float(task.is_error.mean()), "scores": scores}
                    results.add(key, {**line, "counts": count(task, opinions), "machine": machine()})
    (FOLDER / "rankings.md").write_text(table(line for line in results.lines() if line["scores"]))
    (FOLDER / "counts.md").write_text(_tabulate_counts(results))


def _tabulate_counts(results: Results) -> str:
    rows = [
        "| task | seed | epochs | truth | evidence | estimate | interval | claimed | calibration | at .9 |"
    ]
    rows.append("|---" * 10 + "|")
    for line in results.lines():
        key = line["key"]
        for name, found in line["counts"].items():
            sure = f"{found['sure']:.2%}, {found['sure_wrong']:.2f} wrong" if found["sure"] else "none"
            cells = [
                *(key["task"], str(key["seed"]), str(key["settings"]["epochs"])),
                *(f"{line['noise_rate']:.3f}", name, f"{found['share']:.3f}"),
                "{:.3f} to {:.3f}".format(*found["interval"]),
                *("yes" if found["may_claim"] else "no", f"{found['calibration_error']:.3f}", sure),
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
