"""Cards of added encoders: readable ones are listed whatever lies beside them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from models.catalogue.encoders import (
    CARD_SUFFIX,
    ENCODERS,
    LITE0,
    TextEncoderFacts,
    UnusableEncoder,
    find_encoder,
    iterate_encoders,
    read_card,
)
from models.encoders.encoder_loading import list_encoders

MINE = replace(LITE0, name="mine", library="onnx", file="mine.onnx")


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}{CARD_SUFFIX}").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("text", ["{", "[]", "null", "{}", json.dumps({"name": "broken"})])
def test_an_unreadable_card_is_left_out_with_a_warning_and_refused_by_name(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "broken", text)
    write(tmp_path, "mine", MINE.write_card())
    assert [facts.name for facts in iterate_encoders(tmp_path)] == [*ENCODERS, "mine"]
    assert "broken.encoder.json is not the card of an encoder" in caplog.text
    assert [state.facts.name for state in list_encoders(tmp_path)] == [*ENCODERS, "mine"]
    with pytest.raises(UnusableEncoder, match="is not the card of an encoder"):
        find_encoder("broken", tmp_path)
    with pytest.raises(UnusableEncoder, match=r"encoder is one of .*, mine, not 'other'"):
        find_encoder("other", tmp_path)


def test_an_encoder_of_the_catalogue_with_an_unreadable_card_is_not_listed_without_its_pin(
    tmp_path: Path,
) -> None:
    write(tmp_path, "resnet18", "{")
    names = [facts.name for facts in iterate_encoders(tmp_path)]
    assert names == [name for name in ENCODERS if name != "resnet18"]
    write(tmp_path, "resnet18", replace(ENCODERS["resnet18"], weights_sha256="0" * 64).write_card())
    pinned = {facts.name: facts.weights_sha256 for facts in iterate_encoders(tmp_path)}
    assert list(pinned) == list(ENCODERS)
    assert pinned["resnet18"] == "0" * 64


def test_a_card_without_optional_fields_has_their_defaults(tmp_path: Path) -> None:
    fields = asdict(MINE)
    del fields["file"], fields["weights_sha256"]
    write(tmp_path, "mine", json.dumps(fields))
    read = read_card(tmp_path / f"mine{CARD_SUFFIX}")
    assert read == replace(MINE, file=None, weights_sha256=None)
    del fields["side"]
    write(tmp_path, "mine", json.dumps(fields))
    with pytest.raises(UnusableEncoder, match="KeyError: 'side'"):
        find_encoder("mine", tmp_path)


def test_a_card_says_what_its_encoder_takes(tmp_path: Path) -> None:
    texts = TextEncoderFacts(
        name="words",
        library="onnx",
        model="vectors",
        width=8,
        length=None,
        licence="MIT",
        source="here",
        file="words",
        files={"model.onnx": "0" * 64},
    )
    for facts in (MINE, texts):
        write(tmp_path, facts.name, facts.write_card())
        assert find_encoder(facts.name, tmp_path) == facts
    write(tmp_path, "words", texts.write_card().replace('"texts"', '"sounds"'))
    with pytest.raises(UnusableEncoder, match="is not the card of an encoder"):
        find_encoder("words", tmp_path)
