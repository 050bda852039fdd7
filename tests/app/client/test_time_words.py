"""The time of an audit in words: rounded, unknown where it is, and who would compute it."""

from typing import Any

import pytest
import typer

from app.cli.audit_commands import choose_fields
from app.client.time_words import describe_estimate, describe_span, describe_waiting, list_choices


def make_span(low: float | None, high: float | None) -> dict[str, Any]:
    return {"low_seconds": low, "high_seconds": high, "rests_on": "2 trainings like it"}


@pytest.fixture
def estimates() -> dict[str, Any]:
    training, finishing = make_span(19, 190), make_span(0, 0)
    return {
        "workers": 1,
        "waiting": 2,
        "estimate": {**make_span(19, 190), "parts": {"training": training, "finishing": finishing}},
        "presets": [
            {
                "name": "fast",
                "configuration": {"epochs": 8},
                "says": "It is faster.",
                "estimate": {**make_span(8, 76), "parts": {"training": make_span(8, 76)}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (None, 3, "unknown"),
        (3, None, "unknown"),
        (0, 0.2, "about 1 s"),
        (57.4, 57.1, "about 57 s"),
        (19.3, 239, "19 s to 4 min"),
        (92, 3_700, "1 min 32 s to 1 h 1 min"),
        (7_200, 7_199, "about 2 h"),
    ],
)
def test_a_range_has_two_digits(low: float | None, high: float | None, said: str) -> None:
    assert describe_span(make_span(low, high)) == said


def test_an_estimate_says_what_it_rests_on_and_who_computes(estimates: dict[str, Any]) -> None:
    assert describe_estimate(estimates, None) == (
        "Time: 19 s to 3 min 10 s: training 19 s to 3 min 10 s (2 trainings like it)."
        " 1 worker answers. 2 jobs wait before it; that time is not counted."
    )
    assert describe_estimate(estimates, "fast").startswith("Time: 8 s to 1 min 16 s: ")
    assert describe_waiting({"workers": 0, "waiting": 0}).startswith("No worker for it has answered")
    assert describe_waiting({"workers": None, "waiting": None}).startswith("It is not known")
    assert [(row["effort"], row["time"]) for row in list_choices(estimates)] == [
        ("default", "19 s to 3 min 10 s"),
        ("fast", "8 s to 1 min 16 s"),
    ]


def test_an_effort_that_is_not_offered_is_named(estimates: dict[str, Any]) -> None:
    assert choose_fields(estimates, "fast") == {"epochs": 8}
    with pytest.raises(typer.BadParameter, match="expected fast; found 'thorough'"):
        choose_fields(estimates, "thorough")
    with pytest.raises(typer.BadParameter, match="nothing else was measured"):
        choose_fields({**estimates, "presets": []}, "fast")
