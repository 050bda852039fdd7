"""A picture's features do not depend on the pictures beside it, nor on the number of threads."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image

from models.encoders.encoder import TOLERANCE
from models.encoders.encoder_adding import add_encoder
from models.encoders.encoder_loading import AnyEncoder, load_encoder

VIT = "vit_tiny_patch16_224.augreg_in21k"


@pytest.fixture(params=["efficientnet_lite0", VIT])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> AnyEncoder:
    if request.param == VIT:
        save_file(timm.create_model(VIT, pretrained=False).state_dict(), tmp_path / f"{VIT}.safetensors")
        add_encoder(tmp_path / f"{VIT}.safetensors", tmp_path, name=None, asked={"side": 96})
    return load_encoder(request.param, tmp_path, "cpu")


@pytest.fixture
def pictures(encoder: AnyEncoder) -> torch.Tensor:
    """Return 64 real cuts of a photograph."""
    flower = Image.fromarray(load_sample_image("flower.jpg"))
    corners = np.random.default_rng(0).integers(0, 200, (64, 2)).tolist()
    cuts = [flower.crop((x, y, x + 200, y + 200)) for x, y in corners]
    return torch.from_numpy(np.stack([encoder.prepare(cut) for cut in cuts]))


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def measure_difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest distance of two feature vectors as a share of their length."""
    return float(((found - expected).norm(dim=1) / expected.norm(dim=1)).max())


@pytest.mark.usefixtures("threads")
def test_batches_and_threads_change_no_feature(encoder: AnyEncoder, pictures: torch.Tensor) -> None:
    together = encoder.encode(pictures)
    alone = torch.cat([encoder.encode(pictures[row : row + 1]) for row in range(len(pictures))])
    torch.set_num_threads(1)
    on_one_thread = encoder.encode(pictures.flip(0)).flip(0)
    differences = [measure_difference(found, together) for found in (alone, on_one_thread)]
    assert max(differences) < TOLERANCE / 10, differences
    # Two different cuts are far apart by the same measure.
    assert measure_difference(together[1:2], together[:1]) > 100 * TOLERANCE
