"""The datasets that benchmarks read from one folder, with clean labels and in their original order."""

import csv
import gzip
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits

PHOTOGRAPH_SIDE = 64
CIFAR_SIDE, CIFAR_COUNT = 32, 50_000


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples and what they are."""

    inputs: npt.NDArray[Any]
    labels_N: npt.NDArray[np.int64]

    @property
    def class_count(self) -> int:
        """Return K."""
        return int(self.labels_N.max()) + 1

    def part(self, count: int | None, seed: int) -> "Samples":
        """Return a random part of `count` samples, in their order; None: all of them."""
        if count is None or count >= len(self.labels_N):
            return self
        kept = part_of(len(self.labels_N), count, seed)
        return Samples(inputs=self.inputs[kept], labels_N=self.labels_N[kept])


def part_of(sample_count: int, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return `count` of the positions 0 .. sample_count - 1, rising."""
    return np.sort(np.random.default_rng(seed).choice(sample_count, count, replace=False))


@cache
def digits(_: Path) -> Samples:
    """Return scikit-learn's 1,797 digits, 8x8x1."""
    loaded = load_digits()
    return Samples(
        inputs=(loaded.images * 15.9375).astype(np.uint8)[..., None], labels_N=loaded.target.astype(np.int64)
    )


@cache
def mnist(data: Path) -> Samples:
    """Return MNIST's 60,000 training images, 28x28x1."""
    images = gzip.decompress((data / "mnist/train-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((data / "mnist/train-labels-idx1-ubyte.gz").read_bytes())[8:]
    return Samples(
        inputs=np.frombuffer(images, np.uint8).reshape(-1, 28, 28, 1),
        labels_N=np.frombuffer(labels, np.uint8).astype(np.int64),
    )


@cache
def letter(data: Path) -> Samples:
    """Return UCI letter recognition, 20,000 x 16 features."""
    with (data / "letter/letter.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return Samples(
        inputs=np.array([row[1:] for row in rows], dtype=np.float32),
        labels_N=np.array([ord(row[0]) - ord("A") for row in rows]),
    )


@cache
def flowers(data: Path) -> Samples:
    """Return 4,317 photographs of five flowers, resized to 64x64x3; their own errors count as right."""
    files, labels_N = flower_files(data)
    return Samples(
        inputs=np.stack([_pixels(encoded, PHOTOGRAPH_SIDE) for encoded in files]), labels_N=labels_N
    )


def flower_files(data: Path) -> tuple[list[bytes], npt.NDArray[np.int64]]:
    """Return the JPEGs of the five flowers and their classes, in order of their names."""
    with zipfile.ZipFile(data / "flowers5/flowers5.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        _, labels_N = np.unique([name.split("/")[-2] for name in names], return_inverse=True)
        return [archive.read(name) for name in names], labels_N.astype(np.int64)


@cache
def cifar10(data: Path) -> Samples:
    """Return CIFAR-10's 50,000 training images, 32x32x3."""
    pixels = np.zeros((CIFAR_COUNT, CIFAR_SIDE, CIFAR_SIDE, 3), dtype=np.uint8)
    with zipfile.ZipFile(data / "cifar10/train_lossless.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".webp"):
                pixels[int(Path(name).stem)] = _pixels(archive.read(name), CIFAR_SIDE)
    return Samples(inputs=pixels, labels_N=cifar10_labels(data, "clean"))


def cifar10_labels(data: Path, name: str) -> npt.NDArray[np.int64]:
    """Return one of CIFAR-10N's label sets: "clean", "random1" or "worse", in CIFAR-10's order."""
    with np.load(data / "cifar10/human_labels.npz") as labels:
        chosen: npt.NDArray[np.int64] = labels[name].astype(np.int64)
    return chosen


def _pixels(encoded: bytes, side: int) -> npt.NDArray[np.uint8]:
    image = Image.open(io.BytesIO(encoded)).convert("RGB")
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
