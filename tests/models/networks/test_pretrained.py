"""Torchvision's networks, with random weights from a local file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import get_model

from models.catalogue.networks import BACKBONES
from models.configuration.training_config import resolve
from models.encoders.encoder_loading import load_network
from models.training.loop import train
from models.training.progress import Progress


def weights(tmp_path: Path, name: str) -> Path:
    torch.manual_seed(0)
    torch.save(get_model(name, weights=None).state_dict(), tmp_path / f"{name}.pth")
    return tmp_path / f"{name}.pth"


def test_every_backbone_leaves_out_its_head_and_nothing_else() -> None:
    for name, backbone in BACKBONES.items():
        with torch.device("meta"):
            network = get_model(name, weights=None)
            network.set_submodule(backbone.head, torch.nn.Identity())
            side = backbone.sides[0] if backbone.sides else 64
            assert network.eval()(torch.empty(2, 3, side, side)).flatten(1).shape == (2, backbone.width)


@pytest.mark.parametrize("colours", [1, 3])
def test_classifier_and_predictor_are_tuned_from_the_same_weights(colours: int, tmp_path: Path) -> None:
    state = load_network("resnet18", weights(tmp_path, "resnet18").parent).state_dict()
    pictures = np.random.default_rng(0).integers(0, 256, (8, 16, 16, colours), dtype=np.uint8)
    labels = np.arange(8) % 2
    config = resolve(
        {"network": "pretrained_resnet18", "epochs": 1, "learning_rate": 1e-9, "schedule": "constant"},
        shape=pictures.shape[1:],
        sample_count=8,
        class_count=2,
        device="cpu",
    )
    assert (config.input_size, config.batch_size) == (64, 64)
    found: dict[str, torch.Tensor] = {}

    def remember(progress: Progress) -> None:
        found.update(progress.state()["learner"]["networks"])

    train(pictures, labels, class_count=2, config=config, pretrained_state=state, on_progress=remember)
    for network in (0, 1):  # f, then q
        tuned = {name: found[f"{network}.trunk.1.{name}"] for name in state if name.endswith("weight")}
        assert all(torch.allclose(tuned[name], state[name], atol=1e-6) for name in tuned)
    assert not torch.equal(found["0.output.weight"], found["1.output.weight"])


def test_tuning_learns(tmp_path: Path) -> None:
    state = load_network("resnet18", weights(tmp_path, "resnet18").parent).state_dict()
    labels = np.arange(24) % 2
    pictures = np.zeros((24, 16, 16, 3), dtype=np.uint8)
    pictures[labels == 1, :, :8] = 255
    config = resolve(
        {"network": "pretrained_resnet18", "epochs": 6, "batch_size": 8, "learning_rate": 1e-3},
        shape=(16, 16, 3),
        sample_count=24,
        class_count=2,
        device="cpu",
    )
    given = labels.copy()
    given[5] = 1 - given[5]
    result = train(pictures, given, class_count=2, config=config, pretrained_state=state)
    assert result.signals.score.argmax() == 5
