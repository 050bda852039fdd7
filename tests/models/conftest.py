from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.configuration.training_config import TrainingConfig, resolve
from models.networks import architectures

torch.set_num_threads(1)  # networks this small only wait for each other's threads

SHORT = {
    "method": "limit_g",
    "beta": 3.0,
    "batch_size": 16,
    "epochs": 3,
    "folds": 1,  # the paper's training; tests of others set them
    "signal_decay": 0.9,
    "precision": "fp32",  # the same numbers on every machine
    "seed": 5,
}


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Return 60 points [60, 4] in three far clusters, with their labels."""
    rng = np.random.default_rng(3)
    labels = np.arange(60) % 3
    points = rng.normal(size=(60, 4)) + 6 * np.eye(3, 4)[labels]
    return points.astype(np.float32), labels


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    """Return 24 noisy images [24, 8, 8, 1], bright on the left or on the right, with their labels."""
    rng = np.random.default_rng(4)
    labels = np.arange(24) % 2
    pixels = rng.integers(0, 60, (24, 8, 8, 1))
    pixels[labels == 0, :, :4] += 150
    pixels[labels == 1, :, 4:] += 150
    return pixels.astype(np.uint8), labels


@pytest.fixture
def narrow_mlp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the MLP few units where the network is not the subject: its products take most of the time."""
    monkeypatch.setattr(architectures, "MLP_UNITS", 128)


@pytest.fixture
def configure() -> Callable[..., TrainingConfig]:
    """Return a short configuration for an array of samples."""

    def _configure(inputs: np.ndarray, class_count: int, **requested: object) -> TrainingConfig:
        return resolve(
            SHORT | requested,
            shape=inputs.shape[1:],
            sample_count=len(inputs),
            class_count=class_count,
            device="cpu",
        )

    return _configure
