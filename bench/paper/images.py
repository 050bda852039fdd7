"""MNIST and CIFAR-10 with their clean test sets, and the noisy samples of one run."""

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.paper import label_noise

Pixels = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Images:
    """A dataset of ten classes, in its original order."""

    train: Pixels
    train_labels: Labels
    test: Pixels
    test_labels: Labels


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What one run trains on and holds out, its labels noisy."""

    index: npt.NDArray[np.int64]
    """Which of the training images these are."""
    inputs: Pixels
    given: Labels
    is_error: npt.NDArray[np.bool_]


def mnist(data: Path) -> Images:
    """Read MNIST's four IDX files from DATA/mnist."""
    folder = data / "mnist"
    return Images(
        train=_idx_images(folder / "train-images-idx3-ubyte.gz"),
        train_labels=_idx_labels(folder / "train-labels-idx1-ubyte.gz"),
        test=_idx_images(folder / "t10k-images-idx3-ubyte.gz"),
        test_labels=_idx_labels(folder / "t10k-labels-idx1-ubyte.gz"),
    )


def cifar10(data: Path) -> Images:
    """Read CIFAR-10 from DATA/cifar10: train*.zip with CLASS/ROW.webp, and test.npz."""
    folder = data / "cifar10"
    with np.load(folder / "test.npz") as test:
        test_images, test_labels = test["images"], test["labels"].astype(np.int64)
    train = np.zeros((50_000, 32, 32, 3), dtype=np.uint8)
    train_labels = np.full(50_000, -1)
    for path in sorted(folder.glob("train*.zip")):
        with zipfile.ZipFile(path) as archive:
            _read_members(archive, train, train_labels)
    if (train_labels < 0).any():
        raise ValueError(f"{folder} lacks {(train_labels < 0).sum()} of 50,000 training images.")
    return Images(train=train, train_labels=train_labels, test=test_images, test_labels=test_labels)


def _read_members(archive: zipfile.ZipFile, train: Pixels, train_labels: Labels) -> None:
    for member in archive.namelist():
        if not member.endswith(".webp"):
            continue
        path = Path(member)
        image = Image.open(io.BytesIO(archive.read(member))).convert("RGB")
        train[int(path.stem)] = np.asarray(image)
        train_labels[int(path.stem)] = CIFAR10_CLASSES.index(path.parent.name)


CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CLASS_NAMES: Mapping[str, tuple[str, ...]] = {"mnist": tuple("0123456789"), "cifar10": CIFAR10_CLASSES}
DATASETS: Mapping[str, Callable[[Path], Images]] = {"mnist": mnist, "cifar10": cifar10}


def as_features(images: Images) -> Images:
    """Return the same images as rows of float32 features in [0, 1], for the MLP."""
    return replace(images, train=_rows(images.train), test=_rows(images.test))


def first_tests(images: Images, count: int | None) -> Images:
    """Return the same images with the first `count` test samples alone; None: with all."""
    return replace(images, test=images.test[:count], test_labels=images.test_labels[:count])


def noisy_samples(images: Images, *, count: int, noise_kind: str, rate: float, seed: int) -> Samples:
    """Draw `count` training images and plant noise of one kind, "uniform" or "pair", in their labels."""
    kept = np.sort(np.random.default_rng(seed).permutation(len(images.train))[:count])
    true = images.train_labels[kept]
    if noise_kind == "pair":
        given, is_error = label_noise.add_pair_noise(
            true, mapping=label_noise.CIFAR10_PAIRS, class_count=10, rate=rate, seed=seed
        )
    else:
        given, is_error = label_noise.add_uniform_noise(true, class_count=10, rate=rate, seed=seed)
    return Samples(index=kept, inputs=images.train[kept], given=given, is_error=is_error)


def _idx_images(path: Path) -> Pixels:
    return np.frombuffer(gzip.decompress(path.read_bytes())[16:], np.uint8).reshape(-1, 28, 28, 1)


def _idx_labels(path: Path) -> Labels:
    return np.frombuffer(gzip.decompress(path.read_bytes())[8:], np.uint8).astype(np.int64)


def _rows(pixels: Pixels) -> Pixels:
    rows: Pixels = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
    return rows
