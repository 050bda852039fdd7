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


def _blobs(count: int) -> Make:
    """Return points around centres that the seed draws, 40 % of them with another label."""

    def make(folder: Path, seed: int, _: int | None) -> Task:
        random = np.random.default_rng(seed)
        centres = random.normal(size=(BLOB_CLASSES, BLOB_FEATURES))
        labels_N = random.integers(0, BLOB_CLASSES, count)
        points = centres[labels_N] + BLOB_SPREAD * random.normal(size=(count, BLOB_FEATURES))
        samples = Samples(inputs=points.astype(np.float32), labels_N=labels_N)
        return planted(lambda _: samples, uniform(0.4))(folder, seed, None)

    return make


def _first(load: Load, count: int) -> Load:
    """Return the first rows of a dataset."""

    def first(folder: Path) -> Samples:
        samples = load(folder)
        return Samples(inputs=samples.inputs[:count], labels_N=samples.labels_N[:count])

    return first


def _drawn(load: Load, count: int, plant: Plant) -> Make:
    """Return a task of so many rows, drawn by the seed."""
    return lambda folder, seed, _: planted(load, plant)(folder, seed, count)


def _both_ways(rate: float) -> Plant:
    """Return noise that takes the classes of every pair for each other."""
    return _confused({**dict(PAIRS), **{second: first for first, second in PAIRS}}, rate)


def _one_way(rate: float) -> Plant:
    """Return noise that takes every digit for the next."""
    return _confused({digit: (digit + 1) % 10 for digit in range(10)}, rate)


def _confused(mapping: Mapping[int, int], rate: float) -> Plant:
    return lambda true_N, classes, seed: label_noise.add_pair_noise(
        true_N, mapping=mapping, class_count=classes, rate=rate, seed=seed
    )[0]


EVIDENCE: Mapping[str, Make] = {
    "digits-700": planted(_first(_flat_digits, 700), uniform(0.45)),
    "wine": planted(_wine, uniform(0.25)),
    "tumours": planted(_tumours, uniform(0.25)),
    "blobs": _blobs(1_000),
    "digits-300": planted(_first(_flat_digits, 300), uniform(0.45)),
    "tumours-300": planted(_first(_tumours, 300), uniform(0.25)),
    "blobs-300": _blobs(300),
    "letter-2000": _drawn(datasets.letter, 2_000, uniform(0.3)),
    "digits-both-ways": planted(_flat_digits, _both_ways(0.3)),
    "digits-one-way": planted(_flat_digits, _one_way(0.4)),
    "digits-clean": planted(_flat_digits, uniform(0.0)),
    "mnist-both-ways": _drawn(datasets.mnist, 10_000, _both_ways(0.3)),
    "mnist-uniform-80": lambda folder, seed, _: TASKS["mnist-uniform-80"](folder, seed, 10_000),
    "mnist-pair-40": lambda folder, seed, _: TASKS["mnist-pair-40"](folder, seed, 10_000),
    "letter-class-dependent": lambda folder, seed, _: TASKS["letter-class-dependent"](folder, seed, 10_000),
    "cifar10-worse-2500": lambda folder, seed, _: TASKS["cifar10-worse"](folder, seed, 2_500),
}
"""Every task by its name: (data folder, seed, anything) to samples and labels."""
