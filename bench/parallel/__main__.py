"""One training by one process and by several together, in turns: speed, and whether the scores are the same.

    python -m bench.parallel [--devices cpu,cpu] [--works mlp mnist_cnn resnet34_cifar] [--rounds 3]

On processors every process has one thread, and the rate of one process with as many threads as there are
processes stands beside it. Arithmetic is fp32 without augmentation and dropout, whose random numbers differ
by process. What is asked for: the scores of one within rounding, and 1.6 times its rate on two devices.
"""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from bench.parallel import exchange
from bench.scale.__main__ import CLASSES, WRONG_EVERY, patterns
from models.configuration.training_config import TrainingConfig, resolve
from models.training.ranks import train_on
from models.training.training_result import TrainingResult

STILL = 1e-7
"""A learning rate at which rounding stays rounding: at a usual one Adam takes a whole step where rounding
decides the sign of a gradient near zero."""
FEATURES = 784


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained on."""

    shape: tuple[int, ...]
    samples: int
    batch_size: int


WORKS: Mapping[str, Work] = {
    "mlp": Work(shape=(FEATURES,), samples=8_192, batch_size=256),
    "mnist_cnn": Work(shape=(28, 28, 1), samples=4_096, batch_size=256),
    "resnet34_cifar": Work(shape=(32, 32, 3), samples=256, batch_size=64),
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Samples in a file, their labels, and which of them are wrong."""

    pack: Path
    labels_N: npt.NDArray[np.int64]
    is_wrong_N: npt.NDArray[np.bool_]
    config: TrainingConfig

    def trained(self, devices: Sequence[str], *, threads: int, **changes: Any) -> TrainingResult:  # noqa: ANN401
        """Train on devices, the processes of processors sharing so many threads."""
        torch.set_num_threads(threads)
        config = TrainingConfig(**{**vars(self.config), **changes})
        return train_on(list(devices), self.pack, self.labels_N, class_count=CLASSES, config=config)


def problem(folder: Path, network: str, work: Work, *, epochs: int, device: str) -> Problem:
    """Write noisy pictures of stripes, or their features; every twentieth label is wrong."""
    generator = np.random.default_rng(0)
    true_N = np.arange(work.samples) % CLASSES
    is_wrong_N = np.arange(work.samples) % WRONG_EVERY == 0
    side = work.shape[0] if len(work.shape) > 1 else round(FEATURES**0.5)
    stripes = patterns(side)[true_N][..., : work.shape[-1] if len(work.shape) > 1 else 1]
    inputs = (stripes + generator.integers(0, 120, stripes.shape)).astype(np.uint8)
    if len(work.shape) == 1:
        inputs = inputs.reshape(len(inputs), -1).astype(np.float32)
    pack = folder / f"{network}.npy"
    np.save(pack, inputs)
    asked = {
        "network": network, "method": "limit_g", "epochs": epochs, "batch_size": work.batch_size, "seed": 0,
        "dropout": 0.0, "augmentation": "none", "precision": "fp32", "compiled": False,
        "validation_fraction": 0.0, "stable_correlation": 0.0, "folds": 1,
    }  # fmt: skip
    config = resolve(
        asked, shape=inputs.shape[1:], sample_count=len(inputs), class_count=CLASSES, device=device
    )
    labels_N = np.where(is_wrong_N, (true_N + 1) % CLASSES, true_N)
    return Problem(pack=pack, labels_N=labels_N, is_wrong_N=is_wrong_N, config=config)


def measured(given: Problem, devices: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return rates of the training stage, and how far the scores lie apart."""
    count, one = len(devices), devices[:1]
    alone, threaded, together = zip(
        *(
            (
                given.trained(one, threads=1),
                given.trained(one, threads=count),
                given.trained(devices, threads=count),
            )
            for _ in range(rounds)
        ),
        strict=True,
    )
    still = [given.trained(each, threads=count, learning_rate=STILL) for each in (one, devices)]
    return {
        "samples_per_second": {
            "one": rate(alone), f"one, {count} threads": rate(threaded), f"{count} processes": rate(together)
        },
        "ratio": round(median(b.samples_per_second / a.samples_per_second
                              for a, b in zip(alone, together, strict=True)), 2),
        "largest_difference_still": largest_difference(*still),
        "rank_correlation": round(rank_correlation(alone[0], together[0]), 5),
        "rank_correlation_of_one_with_other_threads": round(rank_correlation(alone[0], threaded[0]), 5),
        "roc_auc": {
            "one": round(roc_auc(given, alone[0]), 4), "together": round(roc_auc(given, together[0]), 4)
        },
        "parameters": sum(tensor.numel() for tensor in alone[0].model_state.values()),
    }  # fmt: skip


def rate(results: Sequence[TrainingResult]) -> float:
    """Return the median of the rates."""
    return round(median(result.samples_per_second for result in results), 1)


def largest_difference(one: TrainingResult, other: TrainingResult) -> float:
    """Return how far the two distances of any sample lie apart, both averaged and last."""
    pairs = [
        (getattr(one.signals, name), getattr(other.signals, name))
        for name in ("distance_average", "distance_last")
    ]
    return float(max(np.abs(first - second).max() for first, second in pairs))


def rank_correlation(one: TrainingResult, other: TrainingResult) -> float:
    """Return Spearman's correlation of the averaged distances."""
    return float(spearmanr(one.signals.distance_average, other.signals.distance_average).statistic)


def roc_auc(given: Problem, result: TrainingResult) -> float:
    """Return how well the averaged distances find the wrong labels."""
    return float(roc_auc_score(given.is_wrong_N, result.signals.distance_average))


def main() -> None:
    """Measure every work and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", default="cpu,cpu")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    devices = options.devices.split(",")
    about = {"torch": torch.__version__, "machine": platform.machine(), "cores": os.cpu_count()}
    if devices[0] == "cpu":
        print(json.dumps({"exchange_milliseconds": exchange.milliseconds()}), flush=True)  # noqa: T201 - output
    for name in options.works:
        with TemporaryDirectory(prefix="limit-audit-") as folder:
            given = problem(Path(folder), name, WORKS[name], epochs=options.epochs, device=devices[0])
            figures = measured(given, devices, options.rounds)
        line = {"network": name, "devices": devices, **figures, **about, "load": os.getloadavg()}
        print(json.dumps(line), flush=True)  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
