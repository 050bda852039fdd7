"""Compare detectors on the same data, networks and training; one command, resumable.

    make peers DATA=folder ARGS="--seeds 0 --count 6000"
    python -m bench.peers --data DATA --tasks mnist-uniform-80 letter-uniform-20 --seeds 0 1 2 --count 10000
    python -m bench.peers --data DATA --unseen --name unseen --count 10000
    python -m bench.peers --data DATA --small --name small --keep FOLDER --detectors default

Every finished detector adds a line to bench/peers/results/NAME.jsonl and is not run again. The table and the
plot are made from all lines of that file. "limit" is the paper's, with one fold; "default" is what the
service trains, with folds, and reads what `bench.evidence --keep` left in the same folder.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.paper.results import Results
from bench.peers import report
from bench.peers.detectors import DETECTORS, Finding, as_cross_entropy, limit
from bench.peers.figures import figures
from bench.peers.kept import name_file
from bench.peers.service_default import NAME, find_by_default
from bench.peers.small_tasks import NOTHING_WRONG, SMALL
from bench.peers.tasks import TASKS, Task
from bench.peers.unseen import UNSEEN
from models.configuration.training_config import TrainingConfig, resolve

FOLDER = Path(__file__).with_name("results")
EVERY_TASK = {**TASKS, **UNSEEN, **SMALL, **NOTHING_WRONG}
FEW = [name for name in (*SMALL, *NOTHING_WRONG) if not name.startswith(("mnist", "cifar10", "flowers"))]
PACKAGES = ("torch", "numpy", "scikit-learn", "cleanlab", "aum")


def configuration(
    task: Task, *, seed: int, epochs: int | None, device: str = "cpu", folds: int | None = 1
) -> TrainingConfig:
    """Return what the service would choose for this data on this device, nothing set by task.

    Args:
        task: see `Task`.
        seed: of the training.
        epochs: None: chosen.
        device: where to train.
        folds: None: chosen.

    """
    return resolve(
        {"seed": seed, "epochs": epochs, "folds": folds},
        shape=task.inputs.shape[1:],
        sample_count=len(task.inputs),
        class_count=task.class_count,
        device=device,
    )


def machine(device: str = "cpu") -> dict[str, str]:
    """Return what the seconds depend on."""
    return {
        "cpu": str(torch.cpu.get_capabilities().get("cpu_name", platform.processor())),
        "threads": str(torch.get_num_threads()),
        "load_at_start": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        **({} if device == "cpu" else {"gpu": torch.cuda.get_device_name(device)}),
        **{name: version(name) for name in PACKAGES},
    }


def compare(options: argparse.Namespace, results: Results) -> None:
    """Run every detector on every task and seed that has no line yet."""
    keys = [
        {"task": task, "seed": seed, "count": options.count, "epochs": options.epochs, "detector": detector}
        for task in options.tasks
        for seed in options.seeds
        for detector in options.detectors
    ]
    columns = (TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=len(keys))
        for key in keys:
            progress.update(bar, description=f"{key['task']}, seed {key['seed']}, {key['detector']}")
            if results.get(key) is None:
                results.add(key, measured(options.data, key, options.keep, options.device))
            progress.advance(bar)


def measured(data: Path, key: dict[str, Any], keep: Path | None, device: str = "cpu") -> dict[str, Any]:
    """Run one detector on one task; return every figure with configuration and machine."""
    task = EVERY_TASK[key["task"]](data, key["seed"], key["count"])
    folds = None if key["detector"] == NAME else 1
    config = configuration(task, seed=key["seed"], epochs=key["epochs"], device=device, folds=folds)
    shared = config if key["detector"] in {"limit", NAME} else as_cross_entropy(config)
    started_on = machine(device)
    if key["detector"] == NAME:
        finding = _find_by_default(task, key, shared, keep)
    elif key["detector"] == "limit" and keep is not None:
        name = "_".join(str(key[part]) for part in ("task", "seed", "count", "epochs"))
        finding = limit(task, shared, device, kept=keep / f"{name}.npz")
    else:
        finding = DETECTORS[key["detector"]](task, shared, device)
    return {**figures(task, finding), "config": asdict(shared), "machine": started_on}


def _find_by_default(task: Task, key: dict[str, Any], config: TrainingConfig, keep: Path | None) -> Finding:
    """Return what the service would say; the training is kept only in a folder that the user named."""
    settings = {} if key["epochs"] is None else {"epochs": key["epochs"]}
    with TemporaryDirectory() as passing:
        file = name_file(key["task"], key["seed"], settings)
        return find_by_default(task, config, (keep or Path(passing)) / file)


def main(arguments: Sequence[str]) -> None:
    """Compare, then print the table and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/, letter/, cifar10/ ...")
    parser.add_argument("--tasks", nargs="+", choices=EVERY_TASK, default=list(TASKS))
    parser.add_argument("--unseen", action="store_true", help="the tasks of bench/peers/unseen.py instead")
    parser.add_argument(
        "--small", action="store_true", help="small and clean data instead, up to 10,000 letters"
    )
    parser.add_argument("--detectors", nargs="+", choices=[NAME, *DETECTORS], default=list(DETECTORS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--count", type=int, help="samples of each task, drawn by the seed; default all")
    parser.add_argument(
        "--epochs", type=int, help="for every detector; default: what LIMIT's defaults choose"
    )
    parser.add_argument("--device", default="cpu", help="on a GPU it also decides the network")
    parser.add_argument("--keep", type=Path, help="folder for what LIMIT's trainings told, used where it is")
    parser.add_argument("--name", default="comparison", help="of the file of results")
    options = parser.parse_args(arguments)
    if options.unseen:
        options.tasks = list(UNSEEN)
    if options.small:
        options.tasks = FEW
    results = Results(FOLDER / f"{options.name}.jsonl")
    compare(options, results)
    table = report.table(results.lines())
    sys.stdout.write(table)
    (FOLDER / f"{options.name}.md").write_text(table)
    report.plot(results.lines(), FOLDER / f"{options.name}.png")
    sys.stdout.write(json.dumps({"lines": len(results.lines()), "file": f"{options.name}.jsonl"}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
