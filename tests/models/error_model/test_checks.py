from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.error_model.check_plan import CheckPlan, draw_checks, make_plan
from models.error_model.checked_counts import count_errors, jeffreys, judge_suggestions, share_of
from models.error_model.recalibration import recalibrate

Array = npt.NDArray[Any]


def world(count: int = 2_000, rate: float = 0.2, seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    is_error_N = random.random(count) < rate
    odds_N = 2.5 * random.normal(size=count) + 6 * is_error_N - 4
    return 1 / (1 + np.exp(-odds_N)), is_error_N


def checked(plan: CheckPlan, is_error_N: Array, count: int = 100) -> tuple[list[int], dict[int, bool]]:
    decided: dict[int, bool] = {}
    for _ in range(2):
        drawn = draw_checks(plan, decided, count).tolist()
        decided = {position: bool(is_error_N[position]) for position in drawn}
    return drawn, decided


def test_a_plan_draws_in_two_phases_as_many_as_asked_and_none_twice() -> None:
    probability_N, is_error_N = world()
    plan = make_plan(probability_N)
    first = draw_checks(plan, {})
    assert len(first) == 50
    drawn, _ = checked(plan, is_error_N)
    assert drawn[:50] == first.tolist()
    assert len(drawn) == len(set(drawn)) == 100


def test_a_plan_goes_on_where_it_was_and_does_not_draw_again() -> None:
    probability_N, is_error_N = world()
    plan, again = make_plan(probability_N, seed=5), make_plan(probability_N, seed=5)
    assert np.array_equal(plan.place_N, again.place_N)
    assert not np.array_equal(plan.place_N, make_plan(probability_N, seed=6).place_N)
    first = draw_checks(plan, {}).tolist()
    half = {position: bool(is_error_N[position]) for position in first[:20]}
    assert draw_checks(plan, half).tolist() == first
    drawn, decided = checked(plan, is_error_N)
    some = {position: decided[position] for position in drawn[:70]}
    assert draw_checks(plan, some).tolist() == drawn


def test_verdicts_of_other_samples_change_nothing_about_what_is_drawn() -> None:
    probability_N, is_error_N = world()
    plan = make_plan(probability_N)
    drawn, decided = checked(plan, is_error_N)
    head = {int(place): True for place in np.argsort(-probability_N)[:100] if int(place) not in decided}
    assert draw_checks(plan, {**decided, **head}).tolist() == drawn


def test_the_second_phase_goes_where_the_verdicts_vary() -> None:
    probability_N, is_error_N = world(5_000, 0.3)
    plan = make_plan(probability_N)
    drawn, _ = checked(plan, is_error_N, 200)
    by_size_S = plan.count_samples() / 5_000
    second_S = np.bincount(plan.stratum_N[drawn[100:]], minlength=6) / 100
    assert second_S[0] < 0.8 * by_size_S[0]  # nearly all right
    rate_S = np.bincount(plan.stratum_N, is_error_N) / plan.count_samples()
    most_varied = np.argmin(abs(rate_S - 0.5))
    assert second_S[most_varied] > 1.3 * by_size_S[most_varied]


def test_the_count_is_right_on_average_and_its_interval_holds_it() -> None:
    probability_N, is_error_N = world()
    counts = []
    for seed in range(120):
        plan = make_plan(probability_N, seed=seed)
        counts.append(count_errors(plan, *checked(plan, is_error_N)))
    truth = is_error_N.mean()
    assert np.mean([count.centre for count in counts]) == pytest.approx(truth, abs=0.006)
    assert np.mean([count.low <= truth <= count.high for count in counts]) >= 0.93


@pytest.mark.parametrize("kind", ["good", "useless", "inverted", "miscounted"])
def test_the_interval_is_never_wider_than_that_of_plain_random_checks(kind: str) -> None:
    probability_N, is_error_N = world()
    told_N = {
        "good": probability_N,
        "useless": np.random.default_rng(1).random(len(probability_N)),
        "inverted": 1 - probability_N,
        "miscounted": probability_N / 10,
    }[kind]
    for seed in range(20):
        plan = make_plan(told_N, seed=seed)
        count = count_errors(plan, *checked(plan, is_error_N))
        low, high = jeffreys(count.centre, 100 / (1 - 100 / len(told_N)))
        assert count.high - count.low <= high - low + 1e-9


def test_verdicts_in_the_rankings_order_do_not_bias_the_count() -> None:
    probability_N, is_error_N = world()
    head = np.argsort(-probability_N)[:300].tolist()
    centres = []
    for seed in range(60):
        plan = make_plan(probability_N, seed=seed)
        drawn, decided = checked(plan, is_error_N)
        both = {**{place: bool(is_error_N[place]) for place in head}, **decided}
        centres.append(count_errors(plan, drawn, both).centre)
    assert np.mean(centres) == pytest.approx(is_error_N.mean(), abs=0.006)


def test_all_samples_checked_leave_no_doubt() -> None:
    probability_N, is_error_N = world(60)
    plan = make_plan(probability_N)
    drawn, decided = checked(plan, is_error_N, 100)
    count = count_errors(plan, drawn, decided)
    assert count.low == count.centre == count.high == pytest.approx(is_error_N.mean())


def test_unsure_verdicts_count_for_nothing_and_no_verdict_is_an_error() -> None:
    probability_N, is_error_N = world()
    plan = make_plan(probability_N)
    drawn, decided = checked(plan, is_error_N)
    unsure = {**decided, **dict.fromkeys(drawn[::5], None)}
    assert count_errors(plan, drawn, unsure).checked == 80
    with pytest.raises(ValueError, match="check some first"):
        count_errors(plan, drawn, {})


def test_no_errors_in_a_hundred_checks_leave_a_few_possible() -> None:
    plan = make_plan(np.full(10_000, 0.01))
    drawn, decided = checked(plan, np.zeros(10_000, dtype=bool))
    count = count_errors(plan, drawn, decided)
    assert count.low == count.centre == 0
    assert 0.01 < count.high < 0.04


def test_miscounted_probabilities_are_put_right_by_two_hundred_checks() -> None:
    probability_N, is_error_N = world(4_000, 0.3)
    odds_N = probability_N / (1 - probability_N).clip(1e-12)
    miscounted_N = odds_N / (odds_N + 30)
    plan = make_plan(miscounted_N)
    moved_N = recalibrate(miscounted_N, plan, *checked(plan, is_error_N, 200))
    assert abs(miscounted_N.mean() - 0.3) > 0.08
    assert moved_N.mean() == pytest.approx(is_error_N.mean(), abs=0.05)
    assert (np.diff(moved_N[np.argsort(miscounted_N)]) >= 0).all()


def test_probabilities_without_checks_stay_as_they_are() -> None:
    probability_N, _ = world()
    plan = make_plan(probability_N)
    assert np.array_equal(recalibrate(probability_N, plan, [], {}), probability_N)


def test_only_drawn_samples_recalibrate() -> None:
    probability_N, is_error_N = world()
    plan = make_plan(probability_N)
    drawn, decided = checked(plan, is_error_N)
    head = {int(place): True for place in np.argsort(-probability_N)[:200] if int(place) not in decided}
    alone = recalibrate(probability_N, plan, drawn, decided)
    assert np.array_equal(recalibrate(probability_N, plan, drawn, {**decided, **head}), alone)


def test_relabelling_is_judged_by_the_checked_among_the_flagged() -> None:
    plan = make_plan(np.full(40, 0.5))
    drawn = draw_checks(plan, dict.fromkeys(range(40), None), 40).tolist()
    labels_N, suggested_N = np.zeros(40, dtype=np.int64), np.ones(40, dtype=np.int64)
    flagged_N = np.arange(40) < 20
    right = {place: 1 if place < 15 else (0 if place < 18 else 2) for place in range(40)}
    found = judge_suggestions(
        plan, drawn, right, labels_N=labels_N, suggested_N=suggested_N, is_flagged_N=flagged_N
    )
    assert found is not None
    assert found.improved.centre == pytest.approx(15 / 20)
    assert found.made_worse.centre == pytest.approx(3 / 20)
    assert found.made_worse.low < 3 / 20 < found.made_worse.high
    assert share_of(plan, drawn, {}, flagged_N) is None
