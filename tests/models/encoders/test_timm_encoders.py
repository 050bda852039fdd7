"""Encoders of timm, with random weights from local files."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_model, save_file
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform

from models.catalogue.encoders import PictureEncoderFacts, UnusableEncoder, find_encoder
from models.encoders import encoder_adding
from models.encoders.encoder_adding import add_encoder, fetch_encoder
from models.encoders.encoder_loading import identify_encoder, load_encoder
from models.encoders.picture_preparation import prepare_picture
from models.encoders.timm_encoders import describe_timm

TINY_VIT = "vit_tiny_patch16_224.augreg_in21k"
PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
    for seed, (height, width) in enumerate([(300, 200), (231, 411), (224, 224), (600, 601)])
]


def store(folder: Path, name: str) -> Path:
    """Write a network of timm with random weights, classifier included, as its hub has it."""
    torch.manual_seed(0)
    file = folder / f"{name}.safetensors"
    save_file(timm.create_model(name, pretrained=False).state_dict(), file)
    return file


@pytest.mark.parametrize(
    ("name", "classifier"),
    [
        (TINY_VIT, "head"),
        ("test_convnext.r160_in1k", "head.fc"),
        ("test_efficientnet.r160_in1k", "classifier"),
    ],
)
def test_features_are_timms_own(name: str, classifier: str, tmp_path: Path) -> None:
    facts = add_encoder(store(tmp_path, name), tmp_path / "encoders", name=None, asked={})
    encoder = load_encoder(name, tmp_path / "encoders", "cpu")
    prepared = torch.from_numpy(np.stack([encoder.prepare(picture) for picture in PICTURES]))
    network = timm.create_model(name, pretrained=False).eval()
    load_model(network, tmp_path / f"{name}.safetensors")
    network.set_submodule(classifier, torch.nn.Identity())
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    with torch.no_grad():
        expected = network(torch.stack([transform(picture) for picture in PICTURES]))
    assert (facts.library, encoder.width) == ("timm", expected.shape[1])
    torch.testing.assert_close(encoder.encode(prepared), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "vit_small_patch14_dinov2.lvd142m",
        "vit_base_patch16_clip_224.openai",
        "vit_base_patch16_siglip_384.webli",
        "convnext_tiny.in12k_ft_in1k",
        "tf_efficientnet_lite0.in1k",
        "swin_tiny_patch4_window7_224.ms_in1k",
        "vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b",
        "efficientnet_b0.ra_in1k",
        "regnety_160.swag_ft_in1k",
    ],
)
def test_pictures_are_prepared_as_timm_does(name: str) -> None:
    with torch.device("meta"):
        facts = describe_timm(name)
        config = resolve_model_data_config(timm.create_model(name, pretrained=False))
    transform = create_transform(**config, is_training=False)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (facts.mean, facts.deviation))
    for picture in PICTURES:
        pixels = torch.from_numpy(prepare_picture(picture, facts)).permute(2, 0, 1) / 255
        torch.testing.assert_close((pixels - mean) / deviation, transform(picture), atol=1e-6, rtol=0)


def test_a_vision_transformer_takes_another_side_and_a_side_is_kept_on_its_card(tmp_path: Path) -> None:
    file = store(tmp_path, TINY_VIT)
    add_encoder(file, tmp_path / "usual", name=None, asked={})
    add_encoder(file, tmp_path / "small", name=None, asked={"side": 96})
    pictures = torch.zeros((1, 96, 96, 3), dtype=torch.uint8)
    by_name = load_encoder(f"{TINY_VIT}@96", tmp_path / "usual", "cpu")
    by_card = load_encoder(TINY_VIT, tmp_path / "small", "cpu")
    torch.testing.assert_close(by_name.encode(pictures), by_card.encode(pictures))
    assert by_name.sha256 == by_card.sha256
    with pytest.raises(UnusableEncoder, match="a multiple of 16 pixels from 64 to 512, not 100"):
        find_encoder(f"{TINY_VIT}@100", tmp_path / "usual")


def test_a_file_that_changed_after_it_was_added_is_refused(tmp_path: Path) -> None:
    facts = add_encoder(store(tmp_path, "test_vit.r160_in1k"), tmp_path / "encoders", name=None, asked={})
    kept = tmp_path / "encoders" / "test_vit.r160_in1k.safetensors"
    assert identify_encoder(facts.name, tmp_path / "encoders").weights_sha256 == facts.weights_sha256
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    for use in (identify_encoder, lambda name, folder: load_encoder(name, folder, "cpu")):
        with pytest.raises(UnusableEncoder, match="has changed since it was added"):
            use(facts.name, tmp_path / "encoders")


def test_what_cannot_be_used_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    torch.save({"weight": Path("a program")}, tmp_path / "test_vit.pth")
    (tmp_path / "notes.txt").write_text("no weights")
    short = tmp_path / "test_vit2.safetensors"
    short.write_bytes(store(tmp_path, "test_vit").read_bytes()[:-10])
    other = store(tmp_path, "test_convnext")
    for file, name, sentence in (
        (tmp_path / "test_vit.pth", None, "a pickle can run any program"),
        (tmp_path / "notes.txt", "test_vit", r"expected|a file \.onnx, \.pth, \.safetensors"),
        (short, None, "is not a complete safetensors file"),
        (other, "test_vit", "does not hold the weights of test_vit"),
        (other, "no_such_network", "has no network 'no_such_network'"),
        (other, "../elsewhere", "An encoder's name has letters"),
    ):
        with pytest.raises(UnusableEncoder, match=sentence):
            add_encoder(file, tmp_path / "encoders", name=name, asked={})
    assert not (tmp_path / "encoders").exists() or list((tmp_path / "encoders").iterdir()) == []


def test_weights_from_the_hub_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def answer(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(store(tmp_path, "test_vit.r160_in1k"))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", answer)
    facts = fetch_encoder("test_vit.r160_in1k", tmp_path / "encoders")
    assert asked == [("timm/test_vit.r160_in1k", "model.safetensors")]
    assert isinstance(facts, PictureEncoderFacts)
    assert (facts.licence, facts.side, len(facts.weights_sha256 or "")) == ("apache-2.0", 160, 64)


def test_without_a_network_fetching_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no address for the hub\nand more")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(
        UnusableEncoder, match=r"could not be downloaded: no address for the hub. Download that file"
    ):
        fetch_encoder("test_vit.r160_in1k", tmp_path)


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(UnusableEncoder, match=r"The package timm is missing: .*limit-audit\[timm\]"):
        encoder_adding.fetch_encoder("vit_tiny_patch16_224", tmp_path)
