"""Which encoder a training gets when the user names none, and the reason that is shown."""

from typing import Any

import pytest

from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.encoder_choice import choose_encoder

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
