"""The datasets that the defaults are measured on, each with its given labels and its truth."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits

from models import noise

PHOTOGRAPH_SIDE = 64


@dataclass(frozen=True, kw_only=True)
class Case:
    """Samples with planted or human errors."""

    inputs: npt.NDArray[Any]
    given_N: npt.NDArray[np.int64]
    is_error_N: npt.NDArray[np.bool_]
    true_N: npt.NDArray[np.int64]
    class_count: int


def _planted(inputs: npt.NDArray[Any], true_N: npt.NDArray[Any], rate: float, seed: int) -> Case:
    true_N = true_N.astype(np.int64)
    class_count = int(true_N.max()) + 1
    given_N, is_error_N = noise.uniform(true_N, class_count=class_count, rate=rate, seed=seed)
    return Case(inputs=inputs, given_N=given_N, is_error_N=is_error_N, true_N=true_N, class_count=class_count)


def digits(_: Path, rate: float, seed: int) -> Case:
    """Return scikit-learn's 1,797 digits, 8x8x1."""
    loaded = load_digits()
    return _planted((loaded.images * 15.9375).astype(np.uint8)[..., None], loaded.target, rate, seed)


def mnist(data: Path, rate: float, seed: int) -> Case:
    """Return MNIST's 60,000 training images, 28x28x1."""
    images = gzip.decompress((data / "mnist/train-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((data / "mnist/train-labels-idx1-ubyte.gz").read_bytes())[8:]
    pixels = np.frombuffer(images, np.uint8).reshape(-1, 28, 28, 1)
    return _planted(pixels, np.frombuffer(labels, np.uint8), rate, seed)


def letter(data: Path, rate: float, seed: int) -> Case:
    """Return UCI letter recognition, 20,000 x 16 features."""
    with (data / "letter/letter.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    features = np.array([row[1:] for row in rows], dtype=np.float32)
    return _planted(features, np.array([ord(row[0]) - ord("A") for row in rows]), rate, seed)


def flowers(data: Path, rate: float, seed: int) -> Case:
    """Return 4,317 photographs of five flowers, resized to 64x64x3; their own errors count as right."""
    with zipfile.ZipFile(data / "flowers5/flowers5.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pixels = np.stack([_pixels(archive.read(name), PHOTOGRAPH_SIDE) for name in names])
    _, labels = np.unique([name.split("/")[-2] for name in names], return_inverse=True)
    return _planted(pixels, labels, rate, seed)


def cifar10_human(data: Path, count: int, seed: int) -> Case:
    """Return a random part of CIFAR-10 with CIFAR-10N's first human label of each image."""
    kept = np.sort(np.random.default_rng(seed).choice(50_000, count, replace=False))
    pixels = np.zeros((50_000, 32, 32, 3), dtype=np.uint8)
    with zipfile.ZipFile(data / "cifar10/train_lossless.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".webp"):
                pixels[int(Path(name).stem)] = _pixels(archive.read(name), 32)
    with np.load(data / "cifar10/human_labels.npz") as labels:
        true_N, given_N = labels["clean"][kept].astype(np.int64), labels["random1"][kept].astype(np.int64)
    return Case(
        inputs=pixels[kept], given_N=given_N, is_error_N=given_N != true_N, true_N=true_N, class_count=10
    )


def _pixels(encoded: bytes, side: int) -> npt.NDArray[np.uint8]:
    image = Image.open(io.BytesIO(encoded)).convert("RGB")
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


CASES: Mapping[str, Callable[[Path, int], Case]] = {
    "digits-0": lambda data, seed: digits(data, 0.0, seed),
    "digits-20": lambda data, seed: digits(data, 0.2, seed),
    "digits-40": lambda data, seed: digits(data, 0.4, seed),
    "letter-0": lambda data, seed: letter(data, 0.0, seed),
    "letter-10": lambda data, seed: letter(data, 0.1, seed),
    "letter-20": lambda data, seed: letter(data, 0.2, seed),
    "mnist-0": lambda data, seed: mnist(data, 0.0, seed),
    "mnist-20": lambda data, seed: mnist(data, 0.2, seed),
    "mnist-40": lambda data, seed: mnist(data, 0.4, seed),
    "mnist-80": lambda data, seed: mnist(data, 0.8, seed),
    "flowers-20": lambda data, seed: flowers(data, 0.2, seed),
    "cifar10n-8000": lambda data, seed: cifar10_human(data, 8_000, seed),
    "cifar10n-50000": lambda data, seed: cifar10_human(data, 50_000, seed),
}
"""Every case by its name and its error rate in percent, or its number of images."""
