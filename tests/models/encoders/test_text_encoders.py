"""Encoders of texts: features of a text are its own, long texts are cut, and changed files are refused."""

import json
import pickle
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from models.catalogue.encoders import TextEncoderFacts, UnusableEncoder, find_encoder
from models.encoders.encoder import TOLERANCE
from models.encoders.encoder_adding import add_encoder
from models.encoders.encoder_loading import AnyEncoder, identify_encoder, list_encoders, load_encoder
from models.encoders.text_encoder import TOGETHER
from tests.builders.text_encoders import (
    LENGTH,
    WIDTH,
    write_sentence_folder,
    write_text_graph,
    write_tokenizer,
)

TEXTS = ["a", "bc de", "the parcel came late", "x" * 12, "q", "z y x w v u t s r q p o n m l k"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "encoders"


@pytest.fixture(params=["folder", "graph"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> AnyEncoder:
    if request.param == "folder":
        add_encoder(write_sentence_folder(tmp_path / "mine"), folder, name=None, asked={})
    else:
        add_graph(tmp_path, folder)
    return load_encoder("mine", folder, "cpu")


def add_graph(tmp_path: Path, folder: Path, **asked: Any) -> TextEncoderFacts:  # noqa: ANN401 - options
    file = tmp_path / "mine.onnx"
    if not file.exists():
        write_text_graph(file)
    tokenizer = write_tokenizer(tmp_path / "tokenizer.json")
    facts = add_encoder(file, folder, name=None, asked={"tokenizer": tokenizer, **asked})
    assert isinstance(facts, TextEncoderFacts)
    return facts


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something reached for a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def measure_difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest distance of two feature vectors as a share of their length."""
    return float(((found - expected).norm(dim=1) / expected.norm(dim=1)).max())


def test_the_texts_beside_it_change_no_feature_of_a_text(encoder: AnyEncoder) -> None:
    texts = TEXTS * (TOGETHER // len(TEXTS) + 1)
    together = encoder.encode(texts)
    alone = torch.cat([encoder.encode([text]) for text in texts])
    assert together.shape == (len(texts), WIDTH)
    assert measure_difference(together, alone) < TOLERANCE / 10
    assert measure_difference(together[1:2], together[:1]) > 100 * TOLERANCE, "another text differs"


def test_what_stands_behind_the_longest_length_is_cut(encoder: AnyEncoder) -> None:
    # Of 32 tokens two are the marks at the ends: the thirty-first letter is cut.
    text = " ".join("ab" * 15)
    features = encoder.encode([text, f"{text} c d e", text.replace("a", "c")])
    assert measure_difference(features[1:2], features[:1]) < TOLERANCE / 10
    assert measure_difference(features[2:], features[:1]) > 100 * TOLERANCE


@pytest.mark.usefixtures("no_network")
def test_a_folder_gives_what_its_library_gives(tmp_path: Path, folder: Path) -> None:
    source = write_sentence_folder(tmp_path / "mine-v1.5")
    (source / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    facts = add_encoder(source, folder, name=None, asked={})
    assert isinstance(facts, TextEncoderFacts)
    assert (facts.name, facts.width, facts.length, facts.is_alone) == ("mine-v1.5", WIDTH, LENGTH, False)
    assert (facts.licence, facts.takes) == ("mit", "texts")
    expected = SentenceTransformer(str(source), device="cpu").encode(TEXTS)
    found = load_encoder("mine-v1.5", folder, "cpu").encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    state = next(state for state in list_encoders(folder) if state.facts.name == "mine-v1.5")
    assert (state.problem, state.weights) == (None, folder / "mine-v1.5")
    assert identify_encoder("mine-v1.5", folder).length == LENGTH


def test_vectors_of_tokens_are_averaged_and_of_length_1(tmp_path: Path, folder: Path) -> None:
    add_graph(tmp_path, folder)
    found = load_encoder("mine", folder, "cpu").encode(["ab", "cab"])
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    generator = np.random.default_rng(0)
    table, mixing = generator.normal(size=(57, WIDTH)), generator.normal(size=(WIDTH, WIDTH))
    means = np.stack([(table[tokenizer.encode(text).ids] @ mixing).mean(0) for text in ("ab", "cab")])
    np.testing.assert_allclose(found, means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-5)


def test_a_graphs_own_vector_of_a_text_is_taken_as_it_is(tmp_path: Path, folder: Path) -> None:
    write_text_graph(tmp_path / "mine.onnx", output="sentence_embedding", is_pooled=True)
    facts = add_graph(tmp_path, folder)
    assert (facts.model, facts.width) == ("sentence_embedding", WIDTH)
    lengths = load_encoder("mine", folder, "cpu").encode(TEXTS).norm(dim=1)
    assert (lengths - 1).abs().max() > 0.1


def test_texts_are_encoded_one_by_one_where_they_change_each_other(tmp_path: Path, folder: Path) -> None:
    plain = write_text_graph(tmp_path / "plain.onnx")
    quantize_dynamic(
        plain, tmp_path / "mine.onnx", weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"]
    )
    facts = add_graph(tmp_path, folder)
    assert facts.is_alone
    encoder = load_encoder("mine", folder, "cpu")
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(encoder.encode(TEXTS), alone, rtol=0, atol=0)


def test_length_is_the_tokenizers_or_what_was_asked_for(tmp_path: Path, folder: Path) -> None:
    assert add_graph(tmp_path, folder).length == LENGTH
    assert add_graph(tmp_path, folder, length=8).length == 8
    endless = write_tokenizer(tmp_path / "endless.json", length=None)
    with pytest.raises(UnusableEncoder, match=r"does not say how many tokens .* give --length"):
        add_graph(tmp_path, folder, tokenizer=endless)
    source = write_sentence_folder(tmp_path / "short")
    add_encoder(source, folder, name=None, asked={"length": 8})
    features = load_encoder("short", folder, "cpu").encode(["a b c d e f", "a b c d e f g h"])
    assert measure_difference(features[1:], features[:1]) < TOLERANCE


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "added.json"])
def test_a_changed_file_of_a_folder_is_refused_by_name(tmp_path: Path, folder: Path, name: str) -> None:
    add_encoder(write_sentence_folder(tmp_path / "mine"), folder, name=None, asked={})
    with (folder / "mine" / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(UnusableEncoder, match=f"mine has changed since it was added: {name}"):
        load_encoder("mine", folder, "cpu")
    add_encoder(write_sentence_folder(tmp_path / "again"), folder, name="mine", asked={})
    assert load_encoder("mine", folder, "cpu").width == WIDTH


def test_the_digest_tells_encoders_apart(tmp_path: Path, folder: Path) -> None:
    for seed, name in enumerate(["one", "two"]):
        add_encoder(write_sentence_folder(tmp_path / name, seed=seed), folder, name=None, asked={})
    add_encoder(tmp_path / "one", folder, name="same", asked={})
    add_encoder(tmp_path / "one", folder, name="shorter", asked={"length": 8})
    digests = [identify_encoder(name, folder).sha256 for name in ("one", "two", "same", "shorter")]
    assert digests[0] == digests[2]
    assert len(set(digests)) == 3


def test_pickled_weights_are_refused(tmp_path: Path, folder: Path) -> None:
    source = write_sentence_folder(tmp_path / "mine")
    (source / "model.safetensors").unlink()
    (source / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(UnusableEncoder, match="pickled weights and is not loaded"):
        add_encoder(source, folder, name=None, asked={})
    assert list(folder.glob("*")) == []


def test_an_adapter_of_another_network_is_refused(tmp_path: Path, folder: Path) -> None:
    source = write_sentence_folder(tmp_path / "mine")
    (source / "adapter_config.json").write_text("{}")
    with pytest.raises(UnusableEncoder, match="holds an adapter, which needs a network that is not in it"):
        add_encoder(source, folder, name=None, asked={})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"type": "mine.Network"}, "needs programs of its own.*found mine.Network"),
        ({"path": "../elsewhere"}, "names a folder outside"),
        (None, "is not a folder of sentence-transformers: expected modules.json"),
    ],
)
def test_other_folders_are_refused(
    tmp_path: Path, folder: Path, change: dict[str, str] | None, sentence: str
) -> None:
    source = write_sentence_folder(tmp_path / "mine")
    file = source / "modules.json"
    modules = json.loads(file.read_text())
    file.write_text(json.dumps([{**modules[0], **change}, *modules[1:]]) if change else "{")
    with pytest.raises(UnusableEncoder, match=sentence):
        add_encoder(source, folder, name=None, asked={})


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_is_refused(tmp_path: Path, folder: Path, name: str) -> None:
    source = write_sentence_folder(tmp_path / "mine")
    (source / name).unlink()
    with pytest.raises(UnusableEncoder, match="cannot be opened by sentence-transformers: "):
        add_encoder(source, folder, name=None, asked={})


def test_options_of_the_other_kind_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UnusableEncoder, match="An encoder of texts has no --side"):
        add_graph(tmp_path, folder, side=32)
    with pytest.raises(UnusableEncoder, match="An encoder of pictures has no --length"):
        add_encoder(tmp_path / "mine.onnx", folder, name=None, asked={"length": 8})
    add_graph(tmp_path, folder)
    with pytest.raises(UnusableEncoder, match="mine takes texts, which have no side"):
        find_encoder("mine@64", folder)


@pytest.mark.parametrize(
    ("package", "extra"), [("sentence_transformers", "sentence-transformers"), ("tokenizers", "onnx")]
)
def test_a_missing_package_names_the_extra(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    source = write_sentence_folder(tmp_path / "mine")
    graph, tokenizer = write_text_graph(tmp_path / "mine.onnx"), write_tokenizer(tmp_path / "tokenizer.json")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    asked = {"tokenizer": tokenizer} if extra == "onnx" else {}
    with pytest.raises(UnusableEncoder, match=rf"The package {package} is missing: .*limit-audit\[{extra}\]"):
        add_encoder(graph if asked else source, folder, name=None, asked=asked)
