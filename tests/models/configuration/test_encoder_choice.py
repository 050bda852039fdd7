"""Which encoder a training gets when the user names none, and the reason that is shown."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.catalogue.encoders import LITE0
from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.encoder_choice import choose_encoder, list_added
from models.configuration.invalid_configuration import InvalidConfiguration
from models.configuration.planned_training import complete_request
from tests.builders.encoder_cards import WORDS

ALL = ("efficientnet_lite0", "resnet18", "convnext_tiny")


def make_situation(*shape: int, device: str = "cpu") -> Situation:
    return Situation(shape=shape, sample_count=1000, class_count=10, device=TYPICAL[device])


def choose(
    situation: Situation,
    *,
    at_hand: tuple[str, ...] = ALL,
    **asked: Any,  # noqa: ANN401 - fields of a request
) -> tuple[str | None, str]:
    choice = choose_encoder(TrainingRequest.read(asked), situation, at_hand=at_hand)
    return choice.name, choice.reason


def test_photographs_get_the_best_encoder_that_suits_the_device() -> None:
    assert choose(make_situation(64, 64, 3))[0] == "efficientnet_lite0"
    assert choose(make_situation(64, 64, 3, device="gpu"))[0] == "convnext_tiny"
    assert choose(make_situation(64, 64, 3), at_hand=("resnet18",))[0] == "resnet18"


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (32, 32, 3), (64, 64, 1)])
def test_drawings_and_small_pictures_are_trained_on_pixels(shape: tuple[int, ...]) -> None:
    name, reason = choose(make_situation(*shape))
    assert name is None
    assert "up to 32 pixels or without colour" in reason


def test_features_that_were_uploaded_are_trained_on_themselves() -> None:
    assert choose(make_situation(64)) == (None, "trained on the features themselves")


@pytest.mark.parametrize(
    "asked", [{"network": "photo_cnn"}, {"input_size": 64}, {"augmentation": "none"}, {"encoder": "none"}]
)
def test_who_asks_for_pixels_gets_them(asked: dict[str, Any]) -> None:
    assert choose(make_situation(64, 64, 3), **asked)[0] is None


def test_other_fields_do_not_change_the_choice() -> None:
    assert choose(make_situation(64, 64, 3), epochs=3, method="ce", network="mlp")[0] == "efficientnet_lite0"


def test_the_requested_encoder_is_taken_for_every_picture() -> None:
    assert choose(make_situation(28, 28, 1), encoder="resnet18@64")[0] == "resnet18@64"
    assert choose(make_situation(28, 28, 1), backbone="resnet18")[0] == "resnet18"


def test_an_encoder_that_people_added_is_preferred() -> None:
    choice = choose_encoder(
        TrainingRequest(), make_situation(64, 64, 3), at_hand=(*ALL, "dinov2"), added=("dinov2",)
    )
    assert choice.name == "dinov2"
    assert "the first of those added here" in choice.reason


def test_without_an_encoder_the_reason_says_how_to_bring_one() -> None:
    name, reason = choose(make_situation(64, 64, 3), at_hand=())
    assert name is None
    assert "`limit-audit encoders list`" in reason


def make_texts() -> Situation:
    return replace(make_situation(260), is_text=True)


def test_texts_get_the_first_encoder_that_people_added() -> None:
    choice = choose_encoder(
        TrainingRequest(), make_texts(), at_hand=("words", "more"), added=("words", "more")
    )
    assert choice.name == "words"
    assert "the first encoder of texts of those added here" in choice.reason


def test_texts_without_an_encoder_are_trained_on_their_terms() -> None:
    name, reason = choose(make_texts(), at_hand=())
    assert name is None
    assert "trained on the terms of the texts: the worker has no encoder of texts" in reason
    assert choose(make_texts(), encoder="none") == (None, "trained on the terms of the texts, as requested")


def test_encoders_that_people_added_come_by_the_width_of_their_features() -> None:
    cards = [replace(LITE0, name=name, width=width) for name, width in (("a", 8), ("b", 16), ("c", 8))]
    assert list_added([LITE0, *cards]) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("situation", "encoder", "sentence"),
    [
        (
            make_texts(),
            "resnet18",
            "Expected an encoder of texts, which this dataset holds; found resnet18, which takes pictures.",
        ),
        (
            make_situation(64, 64, 3),
            "words",
            "Expected an encoder of pictures, which this dataset holds; found words, which takes texts.",
        ),
        (
            make_situation(64),
            "words",
            "Encoders take pictures or texts, words texts; this dataset holds features.",
        ),
    ],
)
def test_an_encoder_of_something_else_is_refused(
    tmp_path: Path, situation: Situation, encoder: str, sentence: str
) -> None:
    (tmp_path / "words.encoder.json").write_text(WORDS.write_card())
    with pytest.raises(InvalidConfiguration, match=re.escape(sentence)):
        complete_request(
            TrainingRequest(encoder=encoder),
            replace(situation, encoders_dir=tmp_path),
            seed=0,
            has_parent=False,
        )
