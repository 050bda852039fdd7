from dataclasses import replace

import pytest

from models.checks.review_advice import (
    Advice,
    ReviewState,
    advise,
    count_missing,
    expect_left,
    expect_next,
)


def state(upcoming: float | None, errors: int, decided: int, *, sound: bool = True) -> ReviewState:
    return ReviewState(
        upcoming=upcoming, is_upcoming_sound=sound, recent_errors=errors, recent_decided=decided
    )


def test_twenty_of_twenty_errors_with_low_probabilities_go_on() -> None:
    assert advise(state(0.02, 20, 20)) is Advice.GO_ON
    assert advise(state(0.02, 20, 20, sound=False)) is Advice.GO_ON


def test_four_reviewed_and_none_to_expect_do_not_carry_a_stop() -> None:
    assert advise(state(0.0, 0, 4)) is Advice.NEARLY_DONE


def test_before_a_suspect_is_judged_only_the_counts_upper_end_stops() -> None:
    begun = replace(state(0.04, 0, 0), upcoming_count=50)
    assert advise(begun) is Advice.GO_ON
    assert advise(replace(begun, most_left=(3.0, 20.0))) is Advice.GO_ON
    assert advise(replace(begun, most_left=(3.0, 12.0))) is Advice.NEARLY_DONE
    assert advise(replace(begun, most_left=(3.0, 4.9))) is Advice.STOP


def test_the_next_samples_hold_no_more_errors_than_are_left() -> None:
    reviewed = replace(state(0.3, 5, 40), upcoming_count=50, most_left=(3.4, 22.0))
    share, left = expect_next(reviewed), expect_left(reviewed, 20.4, 17)
    assert share == pytest.approx(3.4 / 50)
    assert left == pytest.approx(3.4)
    unchecked = replace(reviewed, most_left=None)
    share, left = expect_next(unchecked), expect_left(unchecked, 20.4, 17)
    assert share == pytest.approx(8 / 50), "verdicts outweigh an estimate"
    assert left == pytest.approx(8.0)
    assert expect_left(unchecked, None, 17) is None


def test_four_reviewed_and_nothing_to_trust_asks_for_random_checks() -> None:
    assert advise(state(0.0, 0, 4, sound=False)) is Advice.CHECK
    assert advise(state(0.9, 0, 0, sound=False)) is Advice.CHECK


def test_two_verdicts_without_anything_to_trust_say_nothing_of_the_next_samples() -> None:
    assert expect_next(state(0.5, 1, 2, sound=False)) is None
    assert expect_next(state(0.5, 10, 20, sound=False)) == 0.5


def test_it_says_how_many_verdicts_are_missing() -> None:
    assert count_missing(state(0.9, 3, 4, sound=False)) == 16
    assert count_missing(state(0.9, 3, 30, sound=False)) == count_missing(state(0.9, 0, 0)) == 0


def test_the_end_of_the_ranking_stops() -> None:
    assert advise(state(None, 20, 20)) is Advice.STOP
    assert expect_next(state(None, 20, 20)) is None


@pytest.mark.parametrize(
    ("upcoming", "errors", "decided", "share"),
    [(0.5, 0, 0, 0.5), (0.5, 0, 10, 0.25), (0.1, 30, 40, 31 / 50)],
)
def test_the_latest_verdicts_outweigh_the_probabilities(
    upcoming: float, errors: int, decided: int, share: float
) -> None:
    assert expect_next(state(upcoming, errors, decided)) == pytest.approx(share)


def test_few_errors_ahead_are_nearly_done_and_hardly_any_stop() -> None:
    assert advise(state(0.1, 4, 40)) is Advice.NEARLY_DONE
    assert advise(state(0.05, 2, 40)) is Advice.NEARLY_DONE, "it may be more than one in ten"
    assert advise(state(0.02, 1, 50)) is Advice.STOP
