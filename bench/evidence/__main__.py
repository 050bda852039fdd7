"""Measure cross-fitted trainings; one command, resumable.

    python -m bench.evidence --data DATA --detectors "one fold" "logistic regression"
    python -m bench.evidence --data DATA --detectors cross-fitted --settings folds=8 epochs=20

Every finished run adds a line to bench/evidence/results/NAME.jsonl and is not run again; the table beside
it is made from all lines.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml

from bench.evidence.detectors import DETECTORS
from bench.paper.results import Line, Results
from bench.peers.__main__ import machine
from bench.peers.figures import ranking
from bench.peers.kept import name_file
from bench.peers.small_tasks import AT_10000, NOTHING_WRONG, SMALL
from models.configuration.training_config import resolve

EVERY_TASK = {**SMALL, **NOTHING_WRONG, **AT_10000}
FOLDER = Path(__file__).with_name("results")


def measured(data: Path, key: dict[str, Any], keep: Path | None) -> dict[str, Any]:
    """Run one detector on one task; return its figures."""
    task = EVERY_TASK[key["task"]](data, key["seed"], None)
    config = resolve(
        {"seed": key["seed"], **key["settings"]},
        shape=task.inputs.shape[1:],
        sample_count=len(task.inputs),
        class_count=task.class_count,
        device="cpu",
    )
    scores, figures = DETECTORS[key["detector"]](
        task, config, None if keep is None else keep / name_file(key["task"], key["seed"], key["settings"])
    )
    has_errors = bool(task.is_error.any())
    return {
        **figures,
        "noise_rate": float(task.is_error.mean()),
        "scores": {name: ranking(score_N, task.is_error) for name, score_N in scores.items()}
        if has_errors
        else {},
        "config": asdict(config),
        "machine": machine(),
    }


def table(lines: Iterable[Line]) -> str:
    """Return area under ROC / average precision by ranking and task, means over the seeds."""
    cells: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    tasks: list[str] = []
    for line in lines:
        settings = ", ".join(f"{name} {value}" for name, value in line["key"]["settings"].items())
        for name, figures in line["scores"].items():
            cells[f"{name} ({settings})" if settings else name][line["key"]["task"]].append(figures)
        if line["scores"] and line["key"]["task"] not in tasks:
            tasks.append(line["key"]["task"])
    rows = [f"| | {' | '.join(tasks)} |", "|---" * (len(tasks) + 1) + "|"]
    for name, of_task in cells.items():
        row = [_cell(of_task[task]) if task in of_task else "" for task in tasks]
        rows.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(rows) + "\n"


def _cell(figures: Sequence[dict[str, float]]) -> str:
    means = (statistics.fmean(each[name] for each in figures) for name in ("auroc", "ap"))
    return " / ".join(f"{mean:.3f}".removeprefix("0") for mean in means)


def main(arguments: Sequence[str]) -> None:
    """Measure what has no line yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/ and letter/")
    parser.add_argument("--tasks", nargs="+", choices=EVERY_TASK, default=list(SMALL)[:7])
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=list(DETECTORS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--settings", nargs="*", default=[], help="of the configuration, such as folds=4")
    parser.add_argument("--keep", type=Path, help="folder for what cross-fitted trainings told")
    parser.add_argument("--name", default="evidence", help="of the file of results")
    options = parser.parse_args(arguments)
    settings = {name: yaml.safe_load(value) for name, value in (each.split("=") for each in options.settings)}
    results = Results(FOLDER / f"{options.name}.jsonl")
    for task in options.tasks:
        for seed in options.seeds:
            for detector in options.detectors:
                key = {"task": task, "seed": seed, "detector": detector, "settings": settings}
                if results.get(key) is None:
                    results.add(key, measured(options.data, key, options.keep))
                    sys.stdout.write(f"{task}, seed {seed}, {detector}\n")
    text = table(results.lines())
    (FOLDER / f"{options.name}.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
