"""Data with wrong labels whose truth is known: planted noise and human errors, one name each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.peers import data as datasets
from bench.peers.data import Samples
from models.paper import label_noise

CLASS_DEPENDENT_SEED = 1_000
LEAST_NOISE, MOST_NOISE, CONFUSED_WITH = 0.02, 0.4, 3


@dataclass(frozen=True, kw_only=True)
class Task:
    """Samples whose given labels are partly wrong."""

    inputs: npt.NDArray[Any]
    given_N: npt.NDArray[np.int64]
    true_N: npt.NDArray[np.int64]
    class_count: int

    @property
    def is_error(self) -> npt.NDArray[np.bool_]:
        """Which given labels are wrong [N]."""
        is_error_N: npt.NDArray[np.bool_] = self.given_N != self.true_N
        return is_error_N


Load = Callable[[Path], Samples]
Make = Callable[[Path, int, int | None], Task]
"""(data folder, seed, number of samples or None for all) to samples and labels."""
Plant = Callable[[npt.NDArray[np.int64], int, int], npt.NDArray[np.int64]]
"""Makes given labels from true ones, the number of classes and a seed."""


def uniform(rate: float) -> Plant:
    """Return noise that makes every wrong class equally likely."""
    return lambda true_N, classes, seed: label_noise.add_uniform_noise(
        true_N, class_count=classes, rate=rate, seed=seed
    )[0]


def pair(rate: float, mapping: Mapping[int, int]) -> Plant:
    """Return noise that takes a class for its partner."""
    return lambda true_N, classes, seed: label_noise.add_pair_noise(
        true_N, mapping=mapping, class_count=classes, rate=rate, seed=seed
    )[0]


def class_dependent(true_N: npt.NDArray[np.int64], classes: int, seed: int) -> npt.NDArray[np.int64]:
    """Give every class a noise rate of its own and a few classes that it is taken for, drawn by the seed."""
    random = np.random.default_rng(CLASS_DEPENDENT_SEED + seed)
    matrix_KK = np.zeros((classes, classes))
    for label in range(classes):
        others = random.choice(np.delete(np.arange(classes), label), CONFUSED_WITH, replace=False)
        rate = random.uniform(LEAST_NOISE, MOST_NOISE)
        matrix_KK[label, others] = rate * random.dirichlet(np.ones(CONFUSED_WITH))
        matrix_KK[label, label] = 1 - rate
    return label_noise.add_confusion_noise(true_N, matrix_KK=matrix_KK, seed=seed)[0]


def planted(load: Load, plant: Plant) -> Make:
    """Return a task of clean data whose labels are made wrong."""

    def make(folder: Path, seed: int, count: int | None) -> Task:
        samples = load(folder).part(count, seed)
        return Task(
            inputs=samples.inputs,
            given_N=plant(samples.labels_N, samples.class_count, seed),
            true_N=samples.labels_N,
            class_count=samples.class_count,
        )

    return make


def _human(label_set: str) -> Make:
    def make(folder: Path, seed: int, count: int | None) -> Task:
        samples = datasets.cifar10(folder)
        given_N = Samples(inputs=samples.inputs, labels_N=datasets.cifar10_labels(folder, label_set))
        return Task(
            inputs=samples.part(count, seed).inputs,
            given_N=given_N.part(count, seed).labels_N,
            true_N=samples.part(count, seed).labels_N,
            class_count=samples.class_count,
        )

    return make


NEXT_DIGIT = {digit: (digit + 1) % 10 for digit in range(10)}

TASKS: Mapping[str, Make] = {
    "mnist-uniform-20": planted(datasets.mnist, uniform(0.2)),
    "mnist-uniform-50": planted(datasets.mnist, uniform(0.5)),
    "mnist-uniform-80": planted(datasets.mnist, uniform(0.8)),
    "mnist-pair-40": planted(datasets.mnist, pair(0.4, NEXT_DIGIT)),
    "cifar10-uniform-40": planted(datasets.cifar10, uniform(0.4)),
    "cifar10-pair-40": planted(datasets.cifar10, pair(0.4, label_noise.CIFAR10_PAIRS)),
    "cifar10-random1": _human("random1"),
    "cifar10-worse": _human("worse"),
    "letter-uniform-20": planted(datasets.letter, uniform(0.2)),
    "letter-class-dependent": planted(datasets.letter, class_dependent),
    "digits-uniform-20": planted(datasets.digits, uniform(0.2)),
    "flowers-uniform-20": planted(datasets.flowers, uniform(0.2)),
}
"""The tasks of the comparison, on which most defaults were chosen."""
