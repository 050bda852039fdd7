"""Measures how time and memory grow with samples and classes; prints figures and draws a plot."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Drawing

from bench.speed import made
from bench.speed.figures import Figure, timed
from bench.speed.million import postmaster
from bench.speed.processes import cpu_seconds, highest_memory_mb
from models.configuration.training_config import resolve
from models.training.loop import train

PLOT = Path(__file__).parents[2] / "docs" / "images" / "speed" / "growth.png"
CURVES = {"epoch_cpu_seconds": "one epoch and scoring, CPU s", "finish_cpu_seconds": "finishing, CPU s"}
FEATURES = 16
ALONE = "from bench.speed import growth; growth.alone({samples}, {classes})"


def measured(options: argparse.Namespace) -> list[Figure]:
    """Train and finish every size in a process of its own, so that its memory can be told."""
    largest = options.samples
    samples = [count for count in (1_000, 10_000, 100_000, 1_000_000) if count <= largest]
    figures = [_of_size(count, 10) for count in samples]
    figures += [_of_size(min(10_000, largest), count) for count in (2, 100, 1_000)]
    _draw([figure.details or {} for figure in figures])
    return figures


def _of_size(samples: int, classes: int) -> Figure:
    command = [sys.executable, "-c", ALONE.format(samples=samples, classes=classes)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    training, finishing, memory = map(float, ended.stdout.splitlines()[-1].split())
    return Figure(
        part="growth",
        name=f"{samples:,} samples, {classes:,} classes",
        value=(training + finishing) / samples * 1e6,
        unit="CPU s per million",
        details={
            "samples": samples,
            "classes": classes,
            "epoch_cpu_seconds": round(training, 3),
            "finish_cpu_seconds": round(finishing, 3),
            "memory_mb": round(memory),
        },
    )


def alone(samples: int, classes: int) -> None:
    """Print the CPU seconds of one epoch and of finishing, the database's too, and the highest memory."""
    epoch = _epoch(samples, classes)
    with made.scratch() as folder, made.service_state(folder) as (_, database, storage):
        source = made.dataset(database, storage, samples=samples, classes=classes)
        audit = made.trained_audit(database, storage, source)
        postgres = postmaster(folder)
        before = cpu_seconds(postgres)
        own = timed(lambda: made.finished(database, storage, audit)).cpu
        finishing = own + cpu_seconds(postgres) - before
    sys.stdout.write(f"\n{epoch} {finishing} {highest_memory_mb(os.getpid())}\n")


def _epoch(samples: int, classes: int) -> float:
    """Train the MLP for one epoch of LIMIT; return the seconds of training and scoring."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(samples, FEATURES)).astype(np.float32)
    labels_N = rng.integers(0, classes, samples)
    requested = {"method": "limit_l", "epochs": 1, "batch_size": 512, "folds": 1}
    config = resolve(requested, shape=(FEATURES,), sample_count=samples, class_count=classes, device="cpu")
    return timed(lambda: train(inputs, labels_N, class_count=classes, config=config)).cpu


def _draw(sizes: list[dict[str, Any]]) -> None:
    """Plot seconds and memory over samples and classes; on these axes linear growth is a diagonal."""
    grown = [each for each in sizes if each["classes"] == 10]  # noqa: PLR2004
    classes = sorted((each for each in sizes if each["samples"] == 10_000), key=lambda each: each["classes"])  # noqa: PLR2004
    drawing = Drawing(figsize=(9, 3.6), layout="constrained")
    left, right = drawing.subplots(1, 2)
    panels = ((left, grown, "samples", "10 classes"), (right, classes, "classes", "10,000 samples"))
    for axes, points, over, title in panels:
        places = [each[over] for each in points]
        for name, label in CURVES.items():
            axes.loglog(places, [each[name] for each in points], "o-", label=label)
        axes.loglog(places, [each["memory_mb"] / 1_000 for each in points], "s--", label="memory, GB")
        axes.set(xlabel=over, ylabel="CPU seconds, GB", title=title)
        axes.grid(visible=True, alpha=0.3)
    last = grown[-1]
    ends = [grown[0]["samples"], last["samples"]]
    per_sample = last["epoch_cpu_seconds"] / last["samples"]
    left.loglog(ends, [per_sample * end for end in ends], ":", color="grey", label="linear")
    left.legend(fontsize=8)
    right.set_ylim(0.1, 10)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(PLOT, dpi=110)
