from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.checks.check_plan import Checks, Strata, cut_strata, draw_checks
from models.checks.checked_counts import (
    Known,
    count_errors,
    find_jeffreys_interval,
    judge_suggestions,
    measure_share,
)
from models.checks.label_cut import choose_cut
from models.checks.recalibration import Recalibration, anchor, recalibrate
from models.checks.settled_figures import LEAST_DECIDED, settle

Array = npt.NDArray[Any]


def world(count: int = 2_000, rate: float = 0.2, seed: int = 0) -> tuple[Array, Array]:
    """Return error probabilities and errors, in order of rank."""
    random = np.random.default_rng(seed)
    is_error_N = random.random(count) < rate
    odds_N = 2.5 * random.normal(size=count) + 6 * is_error_N - 4
    order_N = np.argsort(-odds_N)
    return 1 / (1 + np.exp(-odds_N[order_N])), is_error_N[order_N]


def begin(probability_N: Array) -> Checks:
    return Checks(strata=cut_strata(probability_N))


def answer(checks: Checks, ranks: Array, is_error_N: Array) -> Checks:
    rank_C = np.concatenate([checks.rank_C, ranks])
    return Checks(strata=checks.strata, rank_C=rank_C, is_error_C=is_error_N[rank_C - 1].astype(float))


def checked(checks: Checks, is_error_N: Array, wanted: int = 100, seed: int = 0) -> Checks:
    while len(ranks := draw_checks(checks, wanted, seed=seed)):
        checks = answer(checks, ranks, is_error_N)
    return checks


def review_head(is_error_N: Array, checks: Checks, head: int) -> Known:
    is_known_N = np.arange(len(is_error_N)) < head
    is_known_N[checks.rank_C - 1] = True
    return Known(
        head=head,
        head_errors=int(is_error_N[:head].sum()),
        head_decided=head,
        errors=int(is_error_N[is_known_N].sum()),
        right=int((~is_error_N[is_known_N]).sum()),
    )


def test_strata_are_parts_of_the_ranking_that_hold_all_samples() -> None:
    probability_N, _ = world()
    strata = cut_strata(probability_N)
    assert len(strata.ends_S) == 6
    assert strata.sizes_S.sum() == strata.sample_count == 2_000
    assert strata.sizes_S[0] < strata.sizes_S[-1], "likely errors are few, and their verdicts vary"
    assert strata.find(np.array([1, strata.ends_S[0], strata.ends_S[0] + 1, 2_000])).tolist() == [0, 0, 1, 5]
    assert cut_strata(np.zeros(12)).ends_S.tolist() == [12]


def test_checks_are_drawn_in_two_phases_and_none_twice() -> None:
    probability_N, is_error_N = world()
    first = draw_checks(begin(probability_N), 100, seed=0)
    assert len(first) == 50
    drawn = checked(begin(probability_N), is_error_N)
    assert drawn.rank_C[:50].tolist() == first.tolist()
    assert len(set(drawn.rank_C.tolist())) == 100
    assert drawn.rank_C.min() >= 1
    assert drawn.rank_C.max() <= 2_000


def test_the_same_seed_draws_the_same_and_more_checks_keep_those_drawn() -> None:
    probability_N, is_error_N = world()
    drawn = checked(begin(probability_N), is_error_N, seed=5)
    assert np.array_equal(drawn.rank_C, checked(begin(probability_N), is_error_N, seed=5).rank_C)
    assert not np.array_equal(drawn.rank_C, checked(begin(probability_N), is_error_N, seed=6).rank_C)
    more = checked(drawn, is_error_N, 200)
    assert np.array_equal(more.rank_C[:100], drawn.rank_C)
    assert len(set(more.rank_C.tolist())) == 200


def test_the_second_phase_goes_where_the_verdicts_vary() -> None:
    probability_N, is_error_N = world(5_000, 0.3)
    drawn = checked(begin(probability_N), is_error_N, 400)
    by_size_S = drawn.strata.sizes_S / 5_000
    second_S = np.bincount(drawn.stratum_C[200:], minlength=6) / 200
    assert second_S[-1] < 0.8 * by_size_S[-1]  # nearly all right
    rate_S = [part_N.mean() for part_N in np.split(is_error_N, drawn.strata.ends_S[:-1])]
    most_varied = int(np.argmin(np.abs(np.array(rate_S) - 0.5)))
    assert second_S[most_varied] > 1.2 * by_size_S[most_varied]


def test_the_count_is_right_on_average_and_its_interval_holds_it() -> None:
    probability_N, is_error_N = world()
    counts = [count_errors(checked(begin(probability_N), is_error_N, seed=seed)) for seed in range(120)]
    found = [count for count in counts if count is not None]
    truth = is_error_N.mean()
    assert np.mean([count.centre for count in found]) == pytest.approx(truth, abs=0.006)
    assert np.mean([count.low <= truth <= count.high for count in found]) >= 0.93


@pytest.mark.parametrize("kind", ["good", "useless", "inverted", "miscounted"])
def test_the_interval_is_never_wider_than_that_of_plain_random_checks(kind: str) -> None:
    probability_N, is_error_N = world()
    told_N, wrong_N = {
        "good": (probability_N, is_error_N),
        "useless": (probability_N, np.random.default_rng(1).permutation(is_error_N)),
        "inverted": (probability_N, is_error_N[::-1]),
        "miscounted": (probability_N / 10, is_error_N),
    }[kind]
    for seed in range(20):
        count = count_errors(checked(begin(told_N), wrong_N, seed=seed))
        assert count is not None
        low, high = find_jeffreys_interval(count.centre, 100 / (1 - 100 / len(told_N)))
        assert count.high - count.low <= high - low + 1e-9


@pytest.mark.parametrize("head", [40, 300])
def test_verdicts_in_the_rankings_order_do_not_bias_the_count(head: int) -> None:
    probability_N, is_error_N = world()
    found = []
    for seed in range(80):
        checks = checked(begin(probability_N), is_error_N, seed=seed)
        found.append(count_errors(checks, review_head(is_error_N, checks, head)))
    counts = [count for count in found if count is not None]
    truth = is_error_N.mean()
    assert np.mean([count.centre for count in counts]) == pytest.approx(truth, abs=0.006)
    assert np.mean([count.low <= truth <= count.high for count in counts]) >= 0.93


def test_a_head_of_errors_is_not_taken_for_its_stratum() -> None:
    # One stratum whose first half is wrong and whose second half is right; the first half is reviewed.
    is_error_N = np.arange(200) < 100
    strata = Strata(ends_S=np.array([200]))
    rank_C = np.array([1, 50, 99, 120, 180])
    checks = Checks(strata=strata, rank_C=rank_C, is_error_C=is_error_N[rank_C - 1].astype(float))
    count = count_errors(checks, review_head(is_error_N, checks, 100))
    assert count is not None
    assert count.centre == 0.5
    assert count.low == 0.5


def test_all_samples_checked_leave_no_doubt() -> None:
    probability_N, is_error_N = world(60)
    count = count_errors(checked(begin(probability_N), is_error_N))
    assert count is not None
    assert count.low == count.centre == count.high == pytest.approx(is_error_N.mean())


def test_unsure_verdicts_count_for_nothing_and_without_verdicts_nothing_is_said() -> None:
    probability_N, is_error_N = world()
    drawn = checked(begin(probability_N), is_error_N)
    is_error_C = np.where(np.arange(100) % 5 == 0, np.nan, drawn.is_error_C)
    unsure = Checks(strata=drawn.strata, rank_C=drawn.rank_C, is_error_C=is_error_C)
    count = count_errors(unsure)
    assert count is not None
    assert count.checked == 80
    assert count_errors(begin(probability_N)) is None
    assert settle(begin(probability_N), probability_N) is None


def test_the_interval_holds_both_that_unsure_checks_are_right_and_that_they_are_wrong() -> None:
    probability_N, is_error_N = world()
    drawn = checked(begin(probability_N), is_error_N)
    is_open_C = np.arange(100) % 8 == 0
    error_C = np.where(is_open_C, np.nan, drawn.is_error_C)
    unsure = replace(drawn, is_error_C=error_C, is_open_C=is_open_C)
    share, missing = count_errors(unsure), count_errors(replace(unsure, is_open_C=None))
    assert share is not None
    assert missing is not None
    assert (share.centre, share.checked) == (missing.centre, missing.checked)
    assert share.low <= missing.low <= missing.high < share.high
    for is_error, end in ((0.0, "low"), (1.0, "high")):
        said = count_errors(replace(drawn, is_error_C=np.where(is_open_C, is_error, drawn.is_error_C)))
        assert said is not None
        assert share.low <= said.low <= said.high <= share.high
        assert getattr(share, end) == pytest.approx(getattr(said, end))


def test_no_errors_in_a_hundred_checks_leave_a_few_possible() -> None:
    probability_N = np.full(10_000, 0.01)
    count = count_errors(checked(begin(probability_N), np.zeros(10_000, dtype=bool)))
    assert count is not None
    assert count.low == count.centre == 0
    assert 0.01 < count.high < 0.04


def test_miscounted_probabilities_are_put_right_by_two_hundred_checks() -> None:
    probability_N, is_error_N = world(4_000, 0.3)
    odds_N = probability_N / (1 - probability_N).clip(1e-12)
    miscounted_N = odds_N / (odds_N + 30)
    drawn = checked(begin(miscounted_N), is_error_N, 200)
    moved_N = recalibrate(drawn, miscounted_N[drawn.rank_C - 1]).apply(miscounted_N)
    assert abs(miscounted_N.mean() - 0.3) > 0.08
    assert moved_N.mean() == pytest.approx(is_error_N.mean(), abs=0.05)
    assert (np.diff(moved_N) <= 1e-12).all()


def test_probabilities_without_checks_stay_as_they_are() -> None:
    probability_N, _ = world()
    line = recalibrate(begin(probability_N), probability_N[:0])
    assert line == Recalibration()
    assert line.apply(np.array([0.2, 0.9])) == pytest.approx([0.2, 0.9])


def test_an_anchored_recalibration_has_the_mean_that_was_counted() -> None:
    probability_N, _ = world()
    line = anchor(Recalibration(slope=0.5, shift=1), probability_N, 0.37)
    assert line.apply(probability_N).mean() == pytest.approx(0.37, abs=1e-5)
    assert line.slope == 0.5
    assert anchor(line, probability_N, 0.0) == line


def test_settled_figures_agree_with_one_another() -> None:
    probability_N, is_error_N = world()
    drawn = checked(begin(probability_N), is_error_N)
    few = drawn.select(np.arange(100) < LEAST_DECIDED - 1)
    assert settle(few, probability_N) is None
    settled = settle(drawn, probability_N)
    assert settled is not None
    moved_N = settled.recalibration.apply(probability_N)
    assert moved_N.mean() == pytest.approx(settled.count.centre, abs=1e-5)
    is_flagged_N = probability_N > settled.cut
    assert np.array_equal(is_flagged_N, choose_cut(moved_N))
    assert is_error_N[is_flagged_N].mean() > 0.7


@pytest.mark.parametrize(("count", "are_wrong"), [(2_000, False), (2_000, True), (3_000_000, False)])
def test_settled_figures_agree_where_all_checks_do(count: int, *, are_wrong: bool) -> None:
    probability_N = np.sort(np.random.default_rng(0).beta(0.3, 1.2, count))[::-1]
    drawn = checked(begin(probability_N), np.full(count, are_wrong))
    settled = settle(drawn, probability_N)
    assert settled is not None
    moved_N = settled.recalibration.apply(probability_N)
    assert settled.count.centre == are_wrong
    assert moved_N.sum() == pytest.approx(count * are_wrong, abs=0.6)
    assert (probability_N > settled.cut).sum() == count * are_wrong


def test_relabelling_is_judged_by_the_checked_among_the_flagged() -> None:
    # Ranks 1 to 20 are flagged: the suggestion is right for 15 of them, 3 are right, 2 are of a third class.
    place_C = np.arange(40)
    checks = Checks(
        strata=Strata(ends_S=np.array([40])),
        rank_C=place_C + 1,
        is_error_C=((place_C < 15) | (place_C >= 18)).astype(float),
    )
    found = judge_suggestions(checks, is_right_suggestion_C=place_C < 15, is_flagged_C=place_C < 20)
    assert found is not None
    assert found.improved.centre == pytest.approx(15 / 20)
    assert found.made_worse.centre == pytest.approx(3 / 20)
    assert found.made_worse.low < 3 / 20 < found.made_worse.high
    assert measure_share(checks, place_C < 15, np.zeros(40, dtype=bool)) is None
