from dataclasses import replace
from typing import Any

import pytest

from models.error_model.claims import Reason, Views, explain, make_claim

SOUND = Views(
    forward=0.2,
    forward_of_sources=(0.21, 0.19),
    standard_error=0.01,
    disagreement=0.25,
    consensus=0.23,
    surest=0.2,
    surest_error=0.01,
    information=0.6,
    information_of_neighbours=0.6,
    nats_per_parameter=10.0,
    sample_count=1_000,
    evidence_count=1_000,
    class_count=10,
)


def test_the_lower_one_of_the_upper_views_bounds_what_is_left_over() -> None:
    assert SOUND.upper == 0.23
    assert make_claim(SOUND).left_over == pytest.approx(0.03)
    assert replace(SOUND, consensus=None).upper == 0.25
    assert make_claim(replace(SOUND, disagreement=0.1)).left_over == 0


def test_the_lower_end_is_no_higher_than_what_the_surest_samples_show() -> None:
    assert make_claim(replace(SOUND, surest=0.12)).low == pytest.approx(0.12 - 1.96 * 0.01)
    assert make_claim(replace(SOUND, surest=0.4)).low == make_claim(replace(SOUND, surest=0.3)).low
    few = make_claim(replace(SOUND, surest=0.12, surest_error=0.05))
    assert few.reasons == (Reason.VIEWS_DISAGREE,)
    assert few.low <= 0.12 - 1.96 * 0.05


def test_half_of_what_the_neighbours_alone_see_is_counted() -> None:
    leaky = replace(SOUND, forward_of_sources=(0.2, 0.22))
    assert leaky.seen_by_neighbours == pytest.approx(0.02)
    assert make_claim(leaky).noise_share == pytest.approx(0.21, rel=0.01)
    assert make_claim(leaky).left_over == pytest.approx(0.02)
    assert replace(SOUND, forward_of_sources=(0.2, 0.4)).seen_by_neighbours == pytest.approx(0.03)
    assert replace(SOUND, forward_of_sources=()).seen_by_neighbours == 0


def test_neighbours_that_know_little_correct_little() -> None:
    # Photographs by their pixels: alone they would take 40 % of the labels for wrong.
    ignorant = replace(SOUND, forward=0.1, forward_of_sources=(0.1, 0.4), information_of_neighbours=0.06)
    assert ignorant.seen_by_neighbours == pytest.approx(0.1 * 0.13)
    assert Reason.VIEWS_DISAGREE in make_claim(ignorant).reasons
    knowing = make_claim(replace(ignorant, information_of_neighbours=0.6))
    assert knowing.noise_share == pytest.approx(0.165, rel=0.05)
    assert Reason.VIEWS_DISAGREE in knowing.reasons, "between nothing and 40 % no number is a claim"
    assert replace(ignorant, information_of_neighbours=-0.1).seen_by_neighbours == 0


def test_sound_views_are_claimed_about_as_they_are() -> None:
    claim = make_claim(SOUND)
    assert claim.reasons == ()
    assert claim.centre == pytest.approx(0.2 + 0.15 * 0.03, rel=0.01)
    assert claim.low < 0.19
    assert claim.high > 0.22
    assert claim.high - claim.low < 0.1


def test_little_beside_much_left_over_is_shrunk_towards_nothing() -> None:
    shaky = replace(SOUND, forward=0.005, forward_of_sources=(0.006, 0.004), standard_error=0.002)
    claim = make_claim(replace(shaky, disagreement=0.05, consensus=0.05))
    assert claim.centre < 0.002
    assert claim.low == 0
    assert claim.high > 0.05


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"information": 0.01}, Reason.KNOWS_TOO_LITTLE),
        ({"disagreement": 0.5, "consensus": 0.45}, Reason.VIEWS_DISAGREE),
        ({"forward_of_sources": (0.0, 0.2), "consensus": 0.355, "disagreement": 0.4}, Reason.VIEWS_DISAGREE),
        ({"standard_error": 0.08}, Reason.TOO_FEW_SAMPLES),
        ({"nats_per_parameter": 0.6}, Reason.TOO_FEW_SAMPLES),
        ({"evidence_count": 40, "class_count": 2}, Reason.TOO_FEW_SAMPLES),
        ({"evidence_count": 400, "class_count": 100}, Reason.TOO_FEW_SAMPLES),
    ],
)
def test_what_may_not_be_claimed_has_its_reason(changes: dict[str, Any], reason: Reason) -> None:
    views = replace(SOUND, **changes)
    claim = make_claim(views)
    assert claim.reasons == (reason,)
    assert claim.low <= claim.centre / 2
    assert len(explain(reason, views)) > 40


def test_views_may_disagree_about_very_little() -> None:
    few = replace(SOUND, forward=0.01, forward_of_sources=(), disagreement=0.05, consensus=0.05)
    assert make_claim(few).reasons == ()
