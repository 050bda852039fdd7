"""Compares our epoch with the lower limit and with the straightforward way, in turns.

Shape suffix: N samples.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.peers import data as datasets
from bench.speed.figures import Clock, Figure, Spent, middle, ratio, timed
from bench.speed.floor import Floor, Product, wait_for
from bench.speed.straightforward import Pictures, Straightforward
from models.configuration.training_config import TrainingConfig, resolve
from models.training.loop import train
from models.training.progress import Progress

CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained on: samples, batch, and the networks."""

    network: str
    batch_size: int
    samples: int
    """On a CPU; a GPU is given `gpu_samples`."""
    gpu_samples: int
    make: Callable[[Path, int], npt.NDArray[Any]]
    augmentation: str = "none"


def _mnist(data: Path, count: int) -> npt.NDArray[Any]:
    return np.resize(datasets.mnist(data).inputs, (count, 28, 28, 1))


def _noise_pictures(_: Path, count: int) -> npt.NDArray[Any]:
    """Return random pictures of CIFAR's size: speed does not depend on what they show."""
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def _noise_features(_: Path, count: int) -> npt.NDArray[Any]:
    return np.random.default_rng(0).normal(size=(count, 784)).astype(np.float32)


WORKS: Mapping[str, Work] = {
    "mnist_cnn": Work(network="mnist_cnn", batch_size=256, samples=3_072, gpu_samples=60_000, make=_mnist),
    "mlp": Work(network="mlp", batch_size=256, samples=4_096, gpu_samples=60_000, make=_noise_features),
    "resnet34_cifar": Work(
        network="resnet34_cifar",
        batch_size=32,
        samples=64,
        gpu_samples=50_000,
        make=_noise_pictures,
        augmentation="flip_crop",
    ),
}


def measured(options: argparse.Namespace) -> list[Figure]:
    """Return, for every named work, our rate and its ratios."""
    return [figure for name in options.works for figure in _of_work(name, WORKS[name], options)]


def _of_work(name: str, work: Work, options: argparse.Namespace) -> list[Figure]:
    device, rounds = torch.device(options.device), options.rounds
    is_gpu = device.type == "cuda"
    usual = work.gpu_samples if is_gpu else work.samples
    inputs = work.make(options.data, options.training_samples or usual)
    labels_N = np.random.default_rng(0).integers(0, CLASSES, len(inputs))
    batch_size = max(work.batch_size, 512) if is_gpu and name == "resnet34_cifar" else work.batch_size
    config = resolve(
        {
            "method": "limit_l",
            "network": work.network,
            "augmentation": work.augmentation,
            "batch_size": batch_size,
            "epochs": rounds + 1,
            "seed": 0,
            "folds": 1,
            "compiled": options.compiled,
        },
        shape=inputs.shape[1:],
        sample_count=len(inputs),
        class_count=CLASSES,
        device=str(device),
    )
    turns = _Turns(config, inputs, labels_N, device)
    train(inputs, labels_N, class_count=CLASSES, config=config, device=str(device), on_progress=turns)
    return turns.figures(name, is_gpu=is_gpu)


class _Turns:
    """A progress callback: after each of our epochs it does the others' share, the first as a warm-up."""

    def __init__(
        self,
        config: TrainingConfig,
        inputs: npt.NDArray[Any],
        labels_N: npt.NDArray[Any],
        device: torch.device,
    ) -> None:
        channels = inputs.shape[-1]
        self._config, self._device, self._samples = config, device, len(inputs)
        self._floor = Floor(config, channels=channels, class_count=CLASSES, device=device)
        self._product = Product(config, device)
        self._other = Straightforward(
            config,
            Pictures(inputs, labels_N),
            channels=channels,
            class_count=CLASSES,
            device=str(device),
        )
        self._steps = -(-len(inputs) // config.batch_size)
        self._times: dict[str, list[Spent]] = {"ours": [], "floor": [], "other": [], "product": []}
        self._clock = Clock()

    def __call__(self, progress: Progress) -> None:
        if progress.finished is None:
            return
        wait_for(self._device)
        ours = self._clock.spent()
        others = {
            "floor": timed(lambda: self._floor.run(self._steps)),
            "other": timed(self._other.epoch),
            "product": timed(lambda: self._product.run(3)),
        }
        if progress.finished.epoch > 1:
            for name, spent in {"ours": ours, **others}.items():
                self._times[name].append(spent)
        self._clock = Clock()

    def figures(self, name: str, *, is_gpu: bool) -> list[Figure]:
        """Return what was measured; on a GPU by the wall, since the CPU only gives orders."""
        ours, floor, other = (self._times[each] for each in ("ours", "floor", "other"))
        # The floor's batches are all full, ours and the straightforward way's together hold N samples.
        scale = self._samples / (self._steps * self._config.batch_size)
        to_floor, to_other = ratio(ours, floor, scale=scale), ratio(ours, other)
        if is_gpu:
            pairs = zip(ours, floor, other, strict=True)
            walls = [(one.wall, two.wall * scale, three.wall) for one, two, three in pairs]
            to_floor = median(two / one for one, two, _ in walls)
            to_other = median(three / one for one, _, three in walls)
        operations = self._floor.operations() * self._steps * scale
        peak = 3 * self._product.operations / _seconds(middle(self._times["product"]), is_gpu=is_gpu)
        seconds = _seconds(middle(ours), is_gpu=is_gpu)
        wanted = (0.8, 5) if is_gpu else (0.85, 3)
        details = {
            "wall_samples_per_second": round(self._samples / middle(ours).wall),
            "precision": self._config.precision,
            "batch_size": self._config.batch_size,
            "compiled": self._config.compiled,
            "threads": torch.get_num_threads(),
            "peak_gflops": round(peak / 1e9, 1),
        }
        unit = "samples/s" if is_gpu else "samples per CPU second"
        rate = self._samples / seconds
        share = operations / seconds / peak
        return [
            Figure(part="training", name=name, value=rate, unit=unit, ratio=to_floor,
                   against="the bare floor", bar=f">= {wanted[0]}", limit="arithmetic", details=details),
            Figure(part="training", name=name, value=rate, unit=unit, ratio=to_other,
                   against="the straightforward way", bar=f">= {wanted[1]}"),
            Figure(part="training", name=f"{name}, share of the product's rate", value=share, unit="",
                   limit="arithmetic"),
        ]  # fmt: skip


def _seconds(spent: Spent, *, is_gpu: bool) -> float:
    return spent.wall if is_gpu else spent.cpu
