"""Further tasks beside `tasks.TASKS`: other data, class counts and kinds of noise.

No default had been chosen on these tasks when they were added. Later the constants of the asymmetry and the
width of a weak network's interval were chosen on some of them; docs/detection.md names which.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.peers import data as datasets
from bench.peers.data import Samples
from bench.peers.tasks import Load, Make, Task, class_dependent, pair, planted, uniform

AIRPLANE, AUTOMOBILE, SHIP, TRUCK = 0, 1, 8, 9
VEHICLES = (AIRPLANE, AUTOMOBILE, SHIP, TRUCK)
SEEN_BY_BEGINNER = 20
"""Samples of each class."""


def _vehicles(folder: Path) -> Samples:
    """Return CIFAR-10's 20,000 vehicles, 32x32x3, four classes."""
    return _of_classes(datasets.cifar10(folder), VEHICLES)


def _of_classes(samples: Samples, classes: Sequence[int]) -> Samples:
    kept_N = np.isin(samples.labels_N, classes)
    labels_N = np.searchsorted(classes, samples.labels_N[kept_N]).astype(np.int64)
    return Samples(inputs=samples.inputs[kept_N], labels_N=labels_N)


def _moving(folder: Path) -> Samples:
    """Return CIFAR-10 in two classes: 0 animals, 1 vehicles."""
    samples = datasets.cifar10(folder)
    return Samples(inputs=samples.inputs, labels_N=np.isin(samples.labels_N, VEHICLES).astype(np.int64))


def _tumours(_: Path) -> Samples:
    """Return scikit-learn's 569 rows of breast cancer, 30 features, two classes."""
    loaded = load_breast_cancer()
    return Samples(inputs=loaded.data.astype(np.float32), labels_N=loaded.target.astype(np.int64))


def _human_vehicles(folder: Path, seed: int, count: int | None) -> Task:
    """Return the vehicles whose `worse` label is a vehicle too."""
    samples, given_N = datasets.cifar10(folder), datasets.cifar10_labels(folder, "worse")
    kept_N = np.isin(samples.labels_N, VEHICLES) & np.isin(given_N, VEHICLES)
    truth = _of_classes(Samples(inputs=samples.inputs[kept_N], labels_N=samples.labels_N[kept_N]), VEHICLES)
    given = _of_classes(Samples(inputs=samples.inputs[kept_N], labels_N=given_N[kept_N]), VEHICLES)
    part = truth.part(count, seed)
    return Task(
        inputs=part.inputs,
        given_N=given.part(count, seed).labels_N,
        true_N=part.labels_N,
        class_count=len(VEHICLES),
    )


def _hard(load: Load, rate: float) -> Make:
    """Return a task where hard samples are mislabelled, as what a linear model takes them for that saw few.

    The noise depends on the sample, not on its class alone: the probability of a wrong label is proportional
    to how little the model gives the true class, and the wrong class is drawn from what it gives the others.
    """

    def make(folder: Path, seed: int, count: int | None) -> Task:
        samples = load(folder).part(count, seed)
        random = np.random.default_rng(seed)
        rows_ND = samples.inputs.reshape(len(samples.inputs), -1).astype(np.float64)
        others_NK = _beginner(rows_ND, samples.labels_N, random).predict_proba(rows_ND)
        others_NK[np.arange(len(rows_ND)), samples.labels_N] = 0
        hardness_N = others_NK.sum(1)
        is_wrong_N = random.random(len(rows_ND)) < rate * hardness_N / hardness_N.mean()
        drawn_N = _drawn(others_NK / hardness_N[:, None], random)
        return Task(
            inputs=samples.inputs,
            given_N=np.where(is_wrong_N, drawn_N, samples.labels_N),
            true_N=samples.labels_N,
            class_count=samples.class_count,
        )

    return make


def _beginner(
    rows_ND: npt.NDArray[np.float64], labels_N: npt.NDArray[np.int64], random: np.random.Generator
) -> Pipeline:
    """Return a linear model that saw few samples of each class."""
    seen = [
        random.choice(np.flatnonzero(labels_N == label), SEEN_BY_BEGINNER, replace=False)
        for label in np.unique(labels_N)
    ]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    return model.fit(rows_ND[np.concatenate(seen)], labels_N[np.concatenate(seen)])


def _drawn(probabilities_NK: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw one class [N] from each row."""
    above_NK = probabilities_NK.cumsum(1)[:, :-1] < random.random((len(probabilities_NK), 1))
    drawn_N: npt.NDArray[np.int64] = above_NK.sum(1).astype(np.int64)
    return drawn_N


UNSEEN: Mapping[str, Make] = {
    "mnist-uniform-5": planted(datasets.mnist, uniform(0.05)),
    "mnist-class-dependent": planted(datasets.mnist, class_dependent),
    "mnist-hard-30": _hard(datasets.mnist, 0.3),
    "letter-uniform-5": planted(datasets.letter, uniform(0.05)),
    "letter-pair-30": planted(datasets.letter, pair(0.3, {label: (label + 1) % 26 for label in range(26)})),
    "letter-hard-20": _hard(datasets.letter, 0.2),
    "vehicles-uniform-30": planted(_vehicles, uniform(0.3)),
    "vehicles-class-dependent": planted(_vehicles, class_dependent),
    "vehicles-worse": _human_vehicles,
    "moving-uniform-20": planted(_moving, uniform(0.2)),
    "flowers-pair-40": planted(datasets.flowers, pair(0.4, {0: 1, 2: 3})),
    "digits-hard-20": _hard(datasets.digits, 0.2),
    "tumours-uniform-10": planted(_tumours, uniform(0.1)),
}
"""Every such task by name."""
