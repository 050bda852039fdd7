"""Photographs as an encoder's features, with planted and with human errors.

The features are EfficientNet-Lite0's: flowers at 128 pixels, CIFAR-10 at 96.
"""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from bench.peers import data
from bench.peers.tasks import Plant, Task, pair, uniform
from models.encoders.encoder_loading import load_encoder

CIFAR_COUNT, BATCH = 8_000, 64
FLOWER_CLASSES = 5
NEXT_FLOWER = {label: (label + 1) % FLOWER_CLASSES for label in range(FLOWER_CLASSES)}
Labels = npt.NDArray[np.int64]


def _keep(true_N: Labels, *_: int) -> Labels:
    return true_N


FLOWERS: Mapping[str, Plant] = {
    "uniform 20 %": uniform(0.2),
    "pair 40 %": pair(0.4, NEXT_FLOWER),
    "as they are": _keep,
}
CIFAR = ("worse", "random1", "clean")
TASKS = (*(f"flowers, {name}" for name in FLOWERS), *(f"CIFAR-10, {name}" for name in CIFAR))


def load(name: str, folder: Path, cache: Path, seed: int) -> Task:
    """Return features and labels; features are computed once and kept in `cache`."""
    about, _, noise = name.partition(", ")
    if about == "flowers":
        features_ND, true_N = _read_flowers(folder, cache)
        given_N = FLOWERS[noise](true_N, FLOWER_CLASSES, seed)
    else:
        features_ND, rows = _read_cifar(folder, cache)
        true_N, given_N = (data.cifar10_labels(folder, which)[rows] for which in ("clean", noise))
    return Task(inputs=features_ND, given_N=given_N, true_N=true_N, class_count=int(true_N.max()) + 1)


def _read_flowers(folder: Path, cache: Path) -> tuple[npt.NDArray[np.float32], Labels]:
    files, labels_N = data.flower_files(folder)
    pictures = [Image.open(BytesIO(encoded)).convert("RGB") for encoded in files]
    return _encode(cache / "flowers.npy", "efficientnet_lite0@128", pictures), labels_N


def _read_cifar(folder: Path, cache: Path) -> tuple[npt.NDArray[np.float32], Labels]:
    samples = data.cifar10(folder)
    rows = data.part_of(len(samples.labels_N), CIFAR_COUNT, 0)
    pictures = [Image.fromarray(pixels) for pixels in samples.inputs[rows]]
    return _encode(cache / "cifar.npy", "efficientnet_lite0@96", pictures), rows


def _encode(kept: Path, name: str, pictures: list[Image.Image]) -> npt.NDArray[np.float32]:
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        encoder = load_encoder(name, None, "cpu")
        parts = [
            encoder.encode(
                torch.from_numpy(
                    np.stack([encoder.prepare(picture) for picture in pictures[start : start + BATCH]])
                )
            ).numpy()
            for start in range(0, len(pictures), BATCH)
        ]
        np.save(kept, np.concatenate(parts))
    features_ND: npt.NDArray[np.float32] = np.load(kept)
    return features_ND
