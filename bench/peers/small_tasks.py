"""Small data with planted errors, pairs of classes that are taken for each other, and clean labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine

from bench.peers import data as datasets
from bench.peers.data import Samples
from bench.peers.tasks import TASKS, Load, Make, Plant, Task, planted, uniform
from models.paper import label_noise

BLOB_CLASSES, BLOB_FEATURES, BLOB_SPREAD = 5, 16, 1.25
"""Spread: logistic regression out of sample finds their errors with an area of about .98."""
PAIRS: Sequence[tuple[int, int]] = ((4, 9), (3, 8), (1, 7))
"""Digits that are taken for each other."""
CIFAR10_PAIRS: Sequence[tuple[int, int]] = ((3, 5), (1, 9), (4, 7))
"""Cat and dog, automobile and truck, deer and horse."""
LARGE, SMALL_CIFAR10 = 10_000, 2_500
SIZES = (300, 700, 1_000, 2_000)


def _flat_digits(folder: Path) -> Samples:
    """Return scikit-learn's 1,797 digits as 64 features."""
    samples = datasets.digits(folder)
    rows = samples.inputs.reshape(len(samples.inputs), -1).astype(np.float32)
    return Samples(inputs=rows, labels_N=samples.labels_N)


def _wine(_: Path) -> Samples:
    loaded = load_wine()
    return Samples(inputs=loaded.data.astype(np.float32), labels_N=loaded.target.astype(np.int64))


def _tumours(_: Path) -> Samples:
    loaded = load_breast_cancer()
    return Samples(inputs=loaded.data.astype(np.float32), labels_N=loaded.target.astype(np.int64))


def _blobs(count: int, rate: float = 0.4) -> Make:
    """Return points around centres that the seed draws, a share of them with another label."""

    def make(folder: Path, seed: int, _: int | None) -> Task:
        random = np.random.default_rng(seed)
        centres = random.normal(size=(BLOB_CLASSES, BLOB_FEATURES))
        labels_N = random.integers(0, BLOB_CLASSES, count)
        points = centres[labels_N] + BLOB_SPREAD * random.normal(size=(count, BLOB_FEATURES))
        samples = Samples(inputs=points.astype(np.float32), labels_N=labels_N)
        return planted(lambda _: samples, uniform(rate))(folder, seed, None)

    return make


def _first(load: Load, count: int) -> Load:
    """Return the first rows of a dataset."""

    def first(folder: Path) -> Samples:
        samples = load(folder)
        return Samples(inputs=samples.inputs[:count], labels_N=samples.labels_N[:count])

    return first


def _drawn(load: Load, count: int, plant: Plant) -> Make:
    """Return a task of so many rows, drawn by the seed."""
    return _of_size(planted(load, plant), count)


def _of_size(make: Make, count: int) -> Make:
    return lambda folder, seed, _: make(folder, seed, count)


def _both_ways(pairs: Sequence[tuple[int, int]], rate: float) -> Plant:
    """Return noise that takes the classes of every pair for each other."""
    return _confused({**dict(pairs), **{second: first for first, second in pairs}}, rate)


def _one_way(rate: float) -> Plant:
    """Return noise that takes every digit for the next."""
    return _confused({digit: (digit + 1) % 10 for digit in range(10)}, rate)


def _confused(mapping: Mapping[int, int], rate: float) -> Plant:
    return lambda true_N, classes, seed: label_noise.add_pair_noise(
        true_N, mapping=mapping, class_count=classes, rate=rate, seed=seed
    )[0]


CLEAN = uniform(0.0)

SMALL: Mapping[str, Make] = {
    "digits-700": planted(_first(_flat_digits, 700), uniform(0.45)),
    "wine": planted(_wine, uniform(0.25)),
    "tumours": planted(_tumours, uniform(0.25)),
    "blobs": _blobs(1_000),
    "digits-300": planted(_first(_flat_digits, 300), uniform(0.45)),
    "tumours-300": planted(_first(_tumours, 300), uniform(0.25)),
    "blobs-300": _blobs(300),
    "digits-1000": planted(_first(_flat_digits, 1_000), uniform(0.45)),
    "digits-1797": planted(_flat_digits, uniform(0.45)),
    **{f"letter-{size}": _drawn(datasets.letter, size, uniform(0.3)) for size in SIZES},
    "digits-both-ways": planted(_flat_digits, _both_ways(PAIRS, 0.3)),
    "digits-one-way": planted(_flat_digits, _one_way(0.4)),
    "mnist-both-ways": _drawn(datasets.mnist, LARGE, _both_ways(PAIRS, 0.3)),
    "cifar10-both-ways": _drawn(datasets.cifar10, LARGE, _both_ways(CIFAR10_PAIRS, 0.3)),
    "cifar10-both-ways-2500": _drawn(datasets.cifar10, SMALL_CIFAR10, _both_ways(CIFAR10_PAIRS, 0.3)),
    **{
        f"{name}-2500": _of_size(TASKS[name], SMALL_CIFAR10)
        for name in ("cifar10-worse", "cifar10-uniform-40", "cifar10-pair-40")
    },
}
"""Every task with wrong labels by its name: (data folder, seed, anything) to samples and labels."""
NOTHING_WRONG: Mapping[str, Make] = {
    "digits-clean": planted(_flat_digits, CLEAN),
    "wine-clean": planted(_wine, CLEAN),
    "tumours-clean": planted(_tumours, CLEAN),
    "blobs-clean": _blobs(1_000, rate=0.0),
    "letter-2000-clean": _drawn(datasets.letter, 2_000, CLEAN),
    "letter-clean": _drawn(datasets.letter, LARGE, CLEAN),
    "mnist-clean": _drawn(datasets.mnist, LARGE, CLEAN),
    "flowers-clean": planted(datasets.flowers, CLEAN),
    "cifar10-clean": _drawn(datasets.cifar10, LARGE, CLEAN),
}
"""The same with nothing planted; the data's own errors count as right."""
TEN = (
    "mnist-uniform-20", "mnist-uniform-50", "mnist-uniform-80", "mnist-pair-40", "letter-uniform-20",
    "letter-class-dependent", "cifar10-uniform-40", "cifar10-pair-40", "cifar10-random1", "cifar10-worse",
)  # fmt: skip
AT_10000: Mapping[str, Make] = {name: _of_size(TASKS[name], LARGE) for name in TEN}
"""The tasks of docs/detection.md at their size."""
