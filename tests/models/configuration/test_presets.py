"""Fast and Thorough: offered where they were measured and change something, never over the user's fields."""

from typing import Any

import pytest

from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.presets import list_presets
from models.configuration.training_config import complete

TABLE, DRAWINGS, PHOTOGRAPHS = (16,), (28, 28, 1), (64, 64, 3)


def offer(
    shape: tuple[int, ...],
    count: int,
    *,
    device: str = "cpu",
    is_encoded: bool = False,
    repeats: int = 1,
    **asked: Any,  # noqa: ANN401 - fields of any type
) -> dict[str, dict[str, int]]:
    situation = Situation(shape=shape, sample_count=count, class_count=5, device=TYPICAL[device])
    presets = list_presets(
        TrainingRequest(**asked), complete(asked, situation), is_encoded=is_encoded, repeats=repeats
    )
    assert all(preset.says for preset in presets)
    return {preset.name: dict(preset.configuration) for preset in presets}


THOROUGH = {"thorough": {"repeats": 3}}


@pytest.mark.parametrize(
    ("found", "fast"),
    [
        (offer(TABLE, 500), {"epochs": 10}),
        (offer(DRAWINGS, 1_000), {"epochs": 10}),
        (offer(TABLE, 500, is_encoded=True), {"epochs": 8}),
        (offer(DRAWINGS, 20_000), {"folds": 1}),
    ],
    ids=["table", "drawings", "encoded", "large"],
)
def test_fast_is_what_was_measured_on_such_data(
    found: dict[str, dict[str, int]], fast: dict[str, int]
) -> None:
    assert found == {"fast": fast, **THOROUGH}


@pytest.mark.parametrize(
    "found",
    [
        offer(PHOTOGRAPHS, 500),
        offer(PHOTOGRAPHS, 500, device="gpu"),
        offer(TABLE, 500, epochs=15),
        offer(TABLE, 500, folds=1),
        offer(DRAWINGS, 20_000, folds=4),
        offer(TABLE, 80_000, is_encoded=True),
    ],
    ids=["photo_cnn", "large network", "own epochs", "own fold", "own folds", "few epochs"],
)
def test_without_a_measurement_or_with_the_users_own_fields_there_is_no_fast(
    found: dict[str, dict[str, int]],
) -> None:
    assert found == THOROUGH


def test_nothing_is_offered_for_other_methods_and_no_repeats_over_the_users() -> None:
    assert offer(TABLE, 500, method="ce") == {}
    assert offer(TABLE, 500, repeats=2) == {"fast": {"epochs": 10}}
