"""Simulated annotators of known confusion, who label data with known classes.

Shape suffixes: N samples, J annotators, K classes (K, L: class, label), D features.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from models.annotators.annotations import Annotations

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Regime:
    """How annotators err."""

    labels: float
    """Labels a sample, on average."""
    annotators: int = 12
    spammers: float = 0.0
    """Share of annotators whose labels do not depend on the sample."""
    unevenness: float = 0.05
    """Deviation of an annotator's accuracy from class to class."""
    misled: float = 0.0
    """Share of samples on which all annotators see the same wrong class."""
    hard: float = 0.0
    """Share of samples on which every annotator takes one of two classes at random."""


REGIMES = {
    "few labels (1.5 a sample)": Regime(labels=1.5),
    "three labels a sample": Regime(labels=3),
    "a third are spammers": Regime(labels=3, spammers=1 / 3),
    "class-dependent": Regime(labels=2.5, unevenness=0.2),
    "misled together on 10 %": Regime(labels=3, misled=0.1),
    "hard samples, 20 %": Regime(labels=3, hard=0.2),
    "60 annotators with few labels each": Regime(labels=2.5, annotators=60),
}


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Data, its true classes, and what the annotators said."""

    inputs_ND: npt.NDArray[np.float32]
    true_N: Labels
    annotations: Annotations
    accuracy_J: Floats
    """Probability that a label of annotator j of a sample drawn from this data is right."""


def make_data(name: str, seed: int) -> tuple[npt.NDArray[np.float32], Labels, int]:
    """Return inputs [N, D], true classes and their number."""
    random = np.random.default_rng(seed)
    if name == "digits":
        bunch: Any = load_digits()
        chosen = random.permutation(len(bunch.target))[:900]
        return bunch.data[chosen].astype(np.float32), bunch.target[chosen].astype(np.int64), 10
    true_N = random.integers(0, 4, 600)
    centres = random.normal(0, 0.8, (4, 16))
    return (random.normal(0, 1, (600, 16)) + centres[true_N]).astype(np.float32), true_N, 4


def make_crowd(data: str, regime: Regime, *, seed: int) -> Crowd:
    """Return simulated annotators' labels of a data set."""
    inputs_ND, true_N, class_count = make_data(data, seed)
    random = np.random.default_rng([seed, 1])
    confusion_JKL = _draw_confusions(regime, class_count, random)
    chance_NK = _draw_chances(regime, true_N, class_count, random)
    probability_NJL = np.einsum("nk,jkl->njl", chance_NK, confusion_JKL)
    samples, annotators, labels = [], [], []
    for sample, (chance_K, seen_JL) in enumerate(zip(chance_NK, probability_NJL, strict=True)):
        count = int(regime.labels) + int(random.random() < regime.labels % 1)
        seen = random.choice(class_count, p=chance_K) if regime.misled else None
        for each in random.choice(regime.annotators, count, replace=False):
            row = seen_JL[each] if seen is None else confusion_JKL[each, seen]
            samples.append(sample)
            annotators.append(each)
            labels.append(random.choice(class_count, p=row))
    return Crowd(
        inputs_ND=inputs_ND,
        true_N=true_N,
        annotations=Annotations(
            sample_R=np.array(samples, np.int32),
            annotator_R=np.array(annotators, np.int32),
            label_R=np.array(labels, np.int32),
            sample_count=len(true_N),
            annotator_count=regime.annotators,
            class_count=class_count,
        ),
        accuracy_J=probability_NJL[np.arange(len(true_N)), :, true_N].mean(0),
    )


def _draw_confusions(regime: Regime, class_count: int, random: np.random.Generator) -> Floats:
    """Return P(label | class seen) of each annotator; accuracies are .73 on average, .45 to .95."""
    confusion_JKL = np.empty((regime.annotators, class_count, class_count))
    accuracy_J = random.beta(8, 3, regime.annotators)
    for each in range(regime.annotators):
        for row in range(class_count):
            share = np.clip(accuracy_J[each] + random.normal(0, regime.unevenness), 0.05, 0.99)
            others = random.dirichlet(np.ones(class_count - 1)) * (1 - share)
            confusion_JKL[each, row] = np.insert(others, row, share)
        if each < regime.spammers * regime.annotators:
            confusion_JKL[each] = random.dirichlet(np.full(class_count, 0.7))
    return confusion_JKL


def _draw_chances(regime: Regime, true_N: Labels, class_count: int, random: np.random.Generator) -> Floats:
    """Return which class annotators see in each sample [N, K]."""
    chance_NK = np.eye(class_count)[true_N]
    other_N = (true_N + random.integers(1, class_count, len(true_N))) % class_count
    draw_N = random.random(len(true_N))
    is_misled_N, is_hard_N = draw_N < regime.misled, draw_N < regime.hard
    chance_NK[is_misled_N] = np.eye(class_count)[other_N[is_misled_N]]
    chance_NK[is_hard_N] = (chance_NK[is_hard_N] + np.eye(class_count)[other_N[is_hard_N]]) / 2
    return chance_NK
