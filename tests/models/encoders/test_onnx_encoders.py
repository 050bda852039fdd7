"""Encoders in ONNX files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, save_model
from PIL import Image

from models.catalogue.encoders import PictureEncoderFacts, UnusableEncoder
from models.encoders.encoder_adding import add_encoder
from models.encoders.encoder_loading import load_encoder
from models.encoders.picture_preparation import PictureEncoder

ASKED = {"side": 32, "mean": [0.5, 0.25, 0.0], "std": [0.5, 0.5, 1.0]}
RED = Image.new("RGB", (40, 60), (255, 51, 102))


def write_graph(
    file: Path, shape: list[int | str], *, flat: bool = True, metadata: dict[str, str] | None = None
) -> Path:
    """Write a graph that averages each channel over the picture; not `flat`: each row of pixels by itself."""
    channels_first = shape[1] == 3
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3] if channels_first else [1, 2])
    if not flat:
        axes = helper.make_tensor("axes", TensorProto.INT64, [1], [3])
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pixels", "axes"], ["features"], keepdims=0)],
        "averages",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, None)],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata or {})
    save_model(model, file)
    return file


@pytest.mark.parametrize(
    "shape", [["n", 3, "h", "w"], ["n", 3, 32, 32], [1, 3, 32, 32], [4, 3, 32, 32], ["n", 32, 32, 3]]
)
def test_features_are_the_graphs_output_of_standardised_pixels(
    tmp_path: Path, shape: list[int | str]
) -> None:
    asked: dict[str, Any] = ASKED | {"licence": "MIT"}
    facts = add_encoder(write_graph(tmp_path / "mine.onnx", shape), tmp_path / "e", name=None, asked=asked)
    encoder = load_encoder("mine", tmp_path / "e", "cpu")
    assert isinstance(encoder, PictureEncoder)
    assert (facts.width, encoder.width, encoder.side, encoder.licence) == (3, 3, 32, "MIT")
    pictures = torch.from_numpy(np.stack([encoder.prepare(RED)] * 5))
    features = encoder.encode(pictures)
    # Red, green and blue are 1, .2 and .4 of 255.
    np.testing.assert_allclose(features, [[1.0, -0.1, 0.4]] * 5, atol=1e-6)


def test_preparation_is_read_from_the_files_metadata(tmp_path: Path) -> None:
    metadata = {"side": "32", "mean": "[0.5, 0.25, 0]", "std": "[0.5, 0.5, 1]"}
    file = write_graph(tmp_path / "mine.onnx", ["n", 3, "h", "w"], metadata=metadata)
    facts = add_encoder(file, tmp_path / "e", name="other", asked={})
    assert isinstance(facts, PictureEncoderFacts)
    assert (facts.name, facts.side, facts.mean, facts.licence) == (
        "other",
        32,
        (0.5, 0.25, 0),
        "not stated",
    )


@pytest.mark.parametrize(
    ("shape", "per_row", "asked", "sentence"),
    [
        (["n", 3, "h", "w"], "", {}, "give --side and --mean and --std"),
        (["n", 3, 64, 64], "", ASKED, "The graph takes 64 pixels only, not 32"),
        (["n", 1, 32, 32], "", ASKED, r"must have one input, float32 \[N, 3, H, W\].*found pixels"),
        (["n", 3, "h", "w"], "per row", ASKED, "one vector a picture; found"),
        (["n", 3, "h", "w"], "", ASKED | {"mean": [0.5]}, "mean must be 3 numbers"),
    ],
)
def test_other_graphs_are_refused(
    tmp_path: Path, shape: list[int | str], per_row: str, asked: dict[str, Any], sentence: str
) -> None:
    file = write_graph(tmp_path / "mine.onnx", shape, flat=not per_row)
    with pytest.raises(UnusableEncoder, match=sentence):
        add_encoder(file, tmp_path / "e", name=None, asked=asked)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(UnusableEncoder, match="The ONNX file cannot be read"):
        add_encoder(tmp_path / "mine.onnx", tmp_path / "e", name=None, asked=ASKED)


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_graph(tmp_path / "mine.onnx", ["n", 3, 32, 32])
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(UnusableEncoder, match=r"The package onnxruntime is missing: .*limit-audit\[onnx\]"):
        add_encoder(file, tmp_path / "e", name=None, asked=ASKED)


def test_a_missing_file_is_to_be_added_as_no_network_has_it(tmp_path: Path) -> None:
    file = write_graph(tmp_path / "mine.onnx", ["n", 3, "h", "w"])
    add_encoder(file, tmp_path / "e", name=None, asked=ASKED)
    (tmp_path / "e/mine.onnx").unlink()
    with pytest.raises(UnusableEncoder) as refused:
        load_encoder("mine", tmp_path / "e", "cpu")
    assert str(refused.value) == (
        f"The weights of the encoder mine are not on this host: put mine.onnx into {tmp_path / 'e'},"
        " or add the file with `limit-audit encoders add`."
    )
