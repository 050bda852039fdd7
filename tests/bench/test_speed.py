"""Benchmarks of speed run: here on a few samples, for one epoch."""

import argparse
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.peers import data
from bench.speed import detection
from bench.speed.floor import Floor
from models.configuration.training_config import resolve


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_the_way_to_an_area_is_told_epoch_by_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script for CIFAR-10 on a GPU, with its ResNet-34, on noise and a CPU."""
    rng = np.random.default_rng(0)
    samples = data.Samples(
        inputs=rng.integers(0, 256, (48, 32, 32, 3), dtype=np.uint8), labels_N=np.arange(48) % 10
    )
    monkeypatch.setattr(data, "cifar10", lambda _: samples)
    options = argparse.Namespace(
        goal="cifar10",
        device="cpu",
        data=Path(),
        detection_samples=None,
        epochs=1,
        method=None,
        compiled=False,
    )
    *reached, last = detection.measured(options)
    assert [figure.bar for figure in reached] == ["< 180 s on one H200"]
    assert math.isnan(reached[0].value)  # noise holds nothing to be learned
    assert last.name == "cifar10, 40% wrong, 48 samples, limit on resnet34_cifar: AUC at the end"
    assert [each["epoch"] for each in (last.details or {})["epochs"]] == [1, 1]  # trained, then scored anew
    assert 0 < last.value < 1


def test_the_floor_steps_and_judges() -> None:
    requested = {"method": "limit_l", "batch_size": 8, "precision": "fp32", "folds": 1}
    config = resolve(requested, shape=(4,), sample_count=32, class_count=3, device="cpu")
    floor = Floor(config, channels=4, class_count=3, device=torch.device("cpu"))
    before = [parameter.clone() for parameter in floor.parameters]
    floor.score(20, 16)
    assert all(torch.equal(one, two) for one, two in zip(before, floor.parameters, strict=True))
    floor.run(2)
    assert not all(torch.equal(one, two) for one, two in zip(before, floor.parameters, strict=True))
