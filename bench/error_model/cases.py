"""The cases that the model of label errors is judged on: data, planted or human errors, a learner, a seed.

The model was built with the development cases. The cases held back have other seeds, other rates and
other data; they were run once, at the end. Shape suffixes: N samples, D features, K classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench.peers import data as pictures
from bench.peers.tasks import CONFUSED_WITH, class_dependent, pair, uniform
from models.paper import label_noise

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Rows = tuple[Floats, Labels]
COMPONENTS = 40
SEEN_BY_BEGINNER = 20
HELD_BACK_SEED = 100
"""Seeds from here on belong to the cases that were held back."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One judged situation."""

    data: str
    count: int
    noise: str
    learner: str
    seed: int

    @property
    def name(self) -> str:
        """Return the case's name, which is also that of its file."""
        return f"{self.data}-{self.count}-{self.noise}-{self.learner}-{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Given:
    """Samples whose given labels are partly wrong."""

    rows_ND: Floats
    given_N: Labels
    true_N: Labels


def load(case: Case, folder: Path, cifar_features: Path) -> Given:
    """Return the samples of a case, the labels made wrong."""
    if case.data == "cifar":
        return _cifar(case, folder, cifar_features)
    rows_ND, true_N = _rows(case, folder)
    classes = int(true_N.max()) + 1
    given_N = _plant(case.noise, rows_ND, true_N, classes, case.seed)
    return Given(rows_ND=rows_ND, given_N=given_N, true_N=true_N)


def _rows(case: Case, folder: Path) -> Rows:
    """Return features with mean 0 and variance 1, and true classes."""
    rows_ND, true_N = SOURCES[case.data](folder, case.seed)
    kept = pictures.part_of(len(true_N), min(case.count, len(true_N)), case.seed)
    rows_ND = StandardScaler().fit_transform(rows_ND[kept].astype(np.float64))
    return rows_ND, true_N[kept].astype(np.int64)


def _mnist(folder: Path, _: int) -> Rows:
    samples = pictures.mnist(folder)
    kept = pictures.part_of(len(samples.labels_N), 20_000, 0)
    flat_ND = samples.inputs[kept].reshape(len(kept), -1).astype(np.float32)
    return PCA(COMPONENTS, random_state=0, whiten=True).fit_transform(flat_ND), samples.labels_N[kept]


def _digits(folder: Path, _: int) -> Rows:
    samples = pictures.digits(folder)
    return samples.inputs.reshape(len(samples.inputs), -1).astype(np.float64), samples.labels_N


def _letter(folder: Path, _: int) -> Rows:
    samples = pictures.letter(folder)
    return samples.inputs.astype(np.float64), samples.labels_N


def _blobs(classes: int, features: int, spread: float) -> Callable[[Path, int], Rows]:
    def make(_: Path, seed: int) -> Rows:
        rows_ND, true_N = make_blobs(4_000, features, centers=classes, cluster_std=spread, random_state=seed)
        return rows_ND, true_N

    return make


SOURCES: Mapping[str, Callable[[Path, int], Rows]] = {
    "digits": _digits,
    "wine": lambda *_: load_wine(return_X_y=True),
    "tumours": lambda *_: load_breast_cancer(return_X_y=True),
    "iris": lambda *_: load_iris(return_X_y=True),
    "letter": _letter,
    "mnist": _mnist,
    "blobs": _blobs(5, 16, 5.0),
    "overlap": _blobs(4, 4, 4.0),
}


def _cifar(case: Case, folder: Path, features: Path) -> Given:
    with np.load(features) as kept:
        rows, deep_ND = kept["rows"], kept["features"]
    part = pictures.part_of(len(rows), min(case.count, len(rows)), case.seed)
    reduced_ND = PCA(64, random_state=0, whiten=False).fit_transform(deep_ND)[part]
    true_N = pictures.cifar10_labels(folder, "clean")[rows[part]]
    if case.noise in {"worse", "random1"}:
        given_N = pictures.cifar10_labels(folder, case.noise)[rows[part]]
    else:
        given_N = _plant(case.noise, reduced_ND, true_N, 10, case.seed)
    return Given(rows_ND=reduced_ND / reduced_ND.std(), given_N=given_N, true_N=true_N)


def _plant(noise: str, rows_ND: Floats, true_N: Labels, classes: int, seed: int) -> Labels:
    """Return given labels; the noise is named kind-percent."""
    kind, _, percent = noise.partition("-")
    rate = int(percent or 0) / 100
    if kind == "clean":
        return true_N.copy()
    if kind == "uniform":
        return uniform(rate)(true_N, classes, seed)
    if kind == "pair":
        return pair(rate, {label: (label + 1) % classes for label in range(0, classes, 2)})(
            true_N, classes, seed
        )
    if kind == "both":
        partner = {label: label ^ 1 for label in range(classes) if label ^ 1 < classes}
        return pair(rate, partner)(true_N, classes, seed)
    if kind == "classes":
        return (
            class_dependent(true_N, classes, seed)
            if classes > CONFUSED_WITH
            else _uneven(true_N, classes, seed)
        )
    return _hard(rate, rows_ND, true_N, seed)


def _uneven(true_N: Labels, classes: int, seed: int) -> Labels:
    """Return labels of few classes, each wrong at a rate of its own, from 2 to 40 %."""
    rates_K = np.random.default_rng(seed).uniform(0.02, 0.4, classes)
    matrix_KK = np.repeat((rates_K / (classes - 1))[:, None], classes, 1)
    np.fill_diagonal(matrix_KK, 1 - rates_K)
    return label_noise.add_confusion_noise(true_N, matrix_KK=matrix_KK, seed=seed)[0]


def _hard(rate: float, rows_ND: Floats, true_N: Labels, seed: int) -> Labels:
    """Mislabel what a linear model that saw 20 of each class finds hard, as what it looks like to it."""
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(true_N == label) for label in np.unique(true_N)]
    seen = np.concatenate(
        [random.choice(group, min(SEEN_BY_BEGINNER, len(group)), replace=False) for group in groups]
    )
    others_NK = LogisticRegression(max_iter=500).fit(rows_ND[seen], true_N[seen]).predict_proba(rows_ND)
    others_NK[np.arange(len(true_N)), true_N] = 0
    hardness_N = others_NK.sum(1)
    is_wrong_N = random.random(len(true_N)) < rate * hardness_N / hardness_N.mean()
    above_NK = (others_NK / hardness_N[:, None]).cumsum(1)[:, :-1] < random.random((len(true_N), 1))
    return np.where(is_wrong_N, above_NK.sum(1), true_N).astype(np.int64)


LEARNERS = ("linear", "forest", "mlp")
PLANTED = ("clean", "uniform-20", "uniform-45", "pair-30", "both-30", "classes", "hard-20")
HELD_PLANTED = ("clean", "uniform-10", "uniform-60", "pair-40", "both-20", "classes", "hard-30")
SIZES = (
    ("wine", 178), ("tumours", 569), ("blobs", 300), ("blobs", 1_000), ("digits", 700), ("digits", 1_797),
    ("mnist", 1_000), ("letter", 2_000), ("mnist", 4_000), ("letter", 6_000), ("mnist", 10_000),
)  # fmt: skip
HELD_SIZES = (
    ("iris", 150), ("wine", 178), ("tumours", 500), ("overlap", 1_000), ("blobs", 600), ("digits", 1_000),
    ("mnist", 2_000), ("letter", 3_000), ("letter", 10_000), ("mnist", 6_000),
)  # fmt: skip
CIFAR = (("cifar", 3_000), ("cifar", 10_000))
CIFAR_NOISE = ("worse", "random1", "uniform-40", "pair-30", "clean")


def development() -> list[Case]:
    """Return the cases with which the model was built."""
    return _cases(SIZES, PLANTED, (0, 1), 0) + _cases(CIFAR, CIFAR_NOISE, (0, 1), 1)


def held_back() -> list[Case]:
    """Return the cases that were run once, at the end."""
    seeds = (HELD_BACK_SEED, HELD_BACK_SEED + 1)
    human = tuple((data, count - 1_000) for data, count in CIFAR)
    return _cases(HELD_SIZES, HELD_PLANTED, seeds, 1) + _cases(human, CIFAR_NOISE, seeds, 2)


def _cases(
    sizes: tuple[tuple[str, int], ...], noises: tuple[str, ...], seeds: tuple[int, ...], turn: int
) -> list[Case]:
    """Return every size with every noise; the learner changes from one to the next."""
    return [
        Case(data=data, count=count, noise=noise, learner=LEARNERS[(turn + seed + place) % 3], seed=seed)
        for seed in seeds
        for place, ((data, count), noise) in enumerate(product(sizes, noises))
    ]
