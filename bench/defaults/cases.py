"""The datasets that the defaults are measured on, each with its given labels and its truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.peers import data
from bench.peers.data import Samples
from models.paper import label_noise


@dataclass(frozen=True, kw_only=True)
class Case:
    """Samples with planted or human errors."""

    inputs: npt.NDArray[Any]
    given_N: npt.NDArray[np.int64]
    is_error_N: npt.NDArray[np.bool_]
    true_N: npt.NDArray[np.int64]
    class_count: int


def _planted(samples: Samples, rate: float, seed: int) -> Case:
    given_N, is_error_N = label_noise.add_uniform_noise(
        samples.labels_N, class_count=samples.class_count, rate=rate, seed=seed
    )
    return Case(
        inputs=samples.inputs,
        given_N=given_N,
        is_error_N=is_error_N,
        true_N=samples.labels_N,
        class_count=samples.class_count,
    )


def cifar10_human(folder: Path, count: int, seed: int) -> Case:
    """Return a random part of CIFAR-10 with CIFAR-10N's first human label of each image."""
    samples = data.cifar10(folder)
    clean = samples.part(count, seed)
    given = Samples(inputs=samples.inputs, labels_N=data.cifar10_labels(folder, "random1"))
    given_N = given.part(count, seed).labels_N
    return Case(
        inputs=clean.inputs,
        given_N=given_N,
        is_error_N=given_N != clean.labels_N,
        true_N=clean.labels_N,
        class_count=10,
    )


CASES: Mapping[str, Callable[[Path, int], Case]] = {
    "digits-0": lambda folder, seed: _planted(data.digits(folder), 0.0, seed),
    "digits-20": lambda folder, seed: _planted(data.digits(folder), 0.2, seed),
    "digits-40": lambda folder, seed: _planted(data.digits(folder), 0.4, seed),
    "letter-0": lambda folder, seed: _planted(data.letter(folder), 0.0, seed),
    "letter-10": lambda folder, seed: _planted(data.letter(folder), 0.1, seed),
    "letter-20": lambda folder, seed: _planted(data.letter(folder), 0.2, seed),
    "mnist-0": lambda folder, seed: _planted(data.mnist(folder), 0.0, seed),
    "mnist-20": lambda folder, seed: _planted(data.mnist(folder), 0.2, seed),
    "mnist-40": lambda folder, seed: _planted(data.mnist(folder), 0.4, seed),
    "mnist-80": lambda folder, seed: _planted(data.mnist(folder), 0.8, seed),
    "flowers-20": lambda folder, seed: _planted(data.flowers(folder), 0.2, seed),
    "cifar10n-8000": lambda folder, seed: cifar10_human(folder, 8_000, seed),
    "cifar10n-50000": lambda folder, seed: cifar10_human(folder, 50_000, seed),
}
"""Every case by its name and its error rate in percent, or its number of images."""
