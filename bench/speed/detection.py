"""Measures seconds of training to a ROC AUC, epoch by epoch, with the default configuration.

On a CPU: MNIST with 80 % wrong labels. On a GPU: CIFAR-10 with 40 %, the paper's ResNet-34.
Shape suffix: N samples.
"""

import argparse
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score

from bench.peers import data
from bench.speed.figures import Figure
from models.configuration.training_config import resolve
from models.paper.label_noise import add_uniform_noise
from models.stopping.stability import compute_ranks, correlate_ranks
from models.training.loop import train
from models.training.progress import Progress
from models.training.signals import Signals


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What is trained and how good its ranking shall be."""

    noise_rate: float
    reached: Mapping[float, str]
    """ROC AUC and what is asked for, as text."""
    requested: Mapping[str, object]


GOALS: Mapping[str, Goal] = {
    "mnist": Goal(noise_rate=0.8, reached={0.998: "<= 60 s", 0.9985: "<= 150 s"}, requested={}),
    "cifar10": Goal(
        noise_rate=0.4, reached={0.99: "< 180 s on one H200"}, requested={"network": "resnet34_cifar"}
    ),
}


def measured(options: argparse.Namespace) -> list[Figure]:
    """Train once and tell when the ranking was how good; seconds exclude looking at it."""
    name = options.goal or ("cifar10" if options.device.startswith("cuda") else "mnist")
    goal, source = GOALS[name], {"mnist": data.mnist, "cifar10": data.cifar10}[name](options.data)
    samples = source.part(options.detection_samples, 0)
    given_N, is_error_N = add_uniform_noise(
        samples.labels_N, class_count=samples.class_count, rate=goal.noise_rate, seed=0
    )
    requested: dict[str, object] = {"seed": 0, **goal.requested}
    asked = {"epochs": options.epochs, "method": options.method, "compiled": options.compiled or None}
    requested.update({name: value for name, value in asked.items() if value is not None})
    config = resolve(
        requested,
        shape=samples.inputs.shape[1:],
        sample_count=len(given_N),
        class_count=samples.class_count,
        device=options.device,
    )
    watch = _Watch(is_error_N)
    result = train(
        samples.inputs,
        given_N,
        class_count=samples.class_count,
        config=config,
        device=options.device,
        on_progress=watch,
    )
    watch.note(result.epochs, result.signals)
    label = (
        f"{name}, {goal.noise_rate:.0%} wrong, {len(given_N):,} samples, {config.method} on {config.network}"
    )
    return _figures(label, watch.epochs, goal, config.precision)


def _figures(label: str, epochs: list[dict[str, Any]], goal: Goal, precision: str) -> list[Figure]:
    figures = []
    for auc, bar in goal.reached.items():
        first = next((each for each in epochs if each["auc"] >= auc), None)
        figures.append(
            Figure(part="detection", name=f"{label}: AUC {auc}",
                   value=float("nan") if first is None else first["wall_seconds"], unit="s", bar=bar,
                   details=None if first is None else first)
        )  # fmt: skip
    last = epochs[-1]
    details = {"epochs": epochs, "threads": torch.get_num_threads(), "precision": precision}
    return [
        *figures,
        Figure(
            part="detection", name=f"{label}: AUC at the end", value=last["auc"], unit="", details=details
        ),
    ]


class _Watch:
    """A progress callback that measures the ranking after every epoch, off the clock."""

    def __init__(self, is_error_N: npt.NDArray[np.bool_]) -> None:
        self._is_error_N = is_error_N
        self._rank_N: torch.Tensor | None = None
        self._wall = self._cpu = 0.0
        self._since = time.perf_counter(), _cpu_seconds()
        self.epochs: list[dict[str, Any]] = []

    def __call__(self, progress: Progress) -> None:
        if progress.finished is not None:
            self.note(progress.finished.epoch, progress.signals())

    def note(self, epoch: int, signals: Signals) -> None:
        """Stop the clock, measure, and go on."""
        self._wall += time.perf_counter() - self._since[0]
        self._cpu += _cpu_seconds() - self._since[1]
        rank_N = compute_ranks(torch.from_numpy(signals.score))
        correlation = None if self._rank_N is None else correlate_ranks(self._rank_N, rank_N)
        self._rank_N = rank_N
        self.epochs.append(
            {
                "epoch": epoch,
                "auc": round(float(roc_auc_score(self._is_error_N, signals.score)), 5),
                "auc_distance": round(float(roc_auc_score(self._is_error_N, signals.distance_average)), 5),
                "rank_correlation": correlation,
                "wall_seconds": round(self._wall, 1),
                "cpu_seconds": round(self._cpu, 1),
            }
        )
        self._since = time.perf_counter(), _cpu_seconds()


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system
