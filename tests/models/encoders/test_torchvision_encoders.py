"""Encoders of torchvision, with random weights from a local file."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import get_model, get_model_weights

from models.catalogue.encoders import ENCODERS, UnusableEncoder
from models.catalogue.networks import BACKBONES
from models.encoders.encoder_loading import identify_encoder, load_encoder, load_network
from models.encoders.picture_preparation import prepare_picture

PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
    for seed, (height, width) in enumerate([(300, 200), (231, 411), (224, 224)])
]
TORCHVISION = sorted(name for name, facts in ENCODERS.items() if facts.library == "torchvision")


def store(folder: Path, name: str, suffix: str = ".pth") -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = get_model(name, weights=None).state_dict()
    if suffix == ".pth":
        torch.save(state, folder / f"{name}.pth")
    else:
        save_file(state, folder / f"{name}.safetensors")
    return state


def prepare_batch(name: str, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pictures as the encoder prepares them, and its features of them."""
    encoder = load_encoder(name, folder, "cpu")
    batch = torch.from_numpy(np.stack([encoder.prepare(picture) for picture in PICTURES]))
    return batch, encoder.encode(batch)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("resnet18", ".pth"), ("mobilenet_v3_small", ".safetensors"), ("efficientnet_b0", ".pth")],
)
def test_features_are_what_the_head_would_take(name: str, suffix: str, tmp_path: Path) -> None:
    state = store(tmp_path, name, suffix)
    _, features = prepare_batch(name, tmp_path)
    assert (features.shape, features.dtype) == ((3, BACKBONES[name].width), torch.float32)
    whole = get_model(name, weights=None).eval()
    whole.load_state_dict(state)
    taken: list[torch.Tensor] = []
    whole.get_submodule(BACKBONES[name].head).register_forward_pre_hook(
        lambda _, inputs: taken.append(inputs[0])
    )
    transform = get_model_weights(name).DEFAULT.transforms()
    with torch.no_grad():
        whole(torch.stack([transform(picture) for picture in PICTURES]))
    torch.testing.assert_close(features, taken[0].flatten(1), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", TORCHVISION)
def test_pictures_are_prepared_as_torchvision_does(name: str) -> None:
    facts, transform = ENCODERS[name], get_model_weights(name).DEFAULT.transforms()
    for picture in PICTURES:
        pixels = torch.from_numpy(prepare_picture(picture, facts)).permute(2, 0, 1) / 255
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (facts.mean, facts.deviation))
        torch.testing.assert_close((pixels - mean) / deviation, transform(picture), atol=1e-6, rtol=0)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    store(tmp_path, "resnet18")
    (tmp_path / "resnet18.pth").rename(tmp_path / "mobilenet_v3_small.pth")
    with pytest.raises(UnusableEncoder, match="does not hold the weights of mobilenet_v3_small"):
        load_encoder("mobilenet_v3_small", tmp_path, "cpu")


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": Path("a program")}, tmp_path / "resnet18.pth")
    with pytest.raises(UnusableEncoder, match="is not loaded: a pickle can run any program"):
        load_network("resnet18", tmp_path)


def test_the_digest_names_weights_and_preparation(tmp_path: Path) -> None:
    store(tmp_path, "resnet18")
    usual, small = (identify_encoder(name, tmp_path) for name in ("resnet18", "resnet18@128"))
    assert usual.weights_sha256 == small.weights_sha256
    assert usual.sha256 != small.sha256
    assert usual.sha256 == load_encoder("resnet18", tmp_path, "cpu").sha256
    torch.manual_seed(1)
    torch.save(get_model("resnet18", weights=None).state_dict(), tmp_path / "resnet18.pth")
    assert identify_encoder("resnet18", tmp_path).sha256 != usual.sha256


def test_without_a_network_one_sentence_says_which_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "cache"))
    with pytest.raises(UnusableEncoder) as refusal:
        load_encoder("resnet50", tmp_path, "cpu")
    sentence = str(refusal.value)
    assert f"put resnet50.safetensors or resnet50.pth into {tmp_path}" in sentence
    assert "resnet50-11ad3fa6.pth could not be downloaded: Name or service not known" in sentence
