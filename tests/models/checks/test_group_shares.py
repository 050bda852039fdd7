"""Groups with more wrong labels are named, equal ones never are, and intervals hold."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.checks.group_shares import GroupShare, Opinion, compare_groups, measure_shares

SAMPLES, CLASSES, PEOPLE = 3_000, 5, 5


def make_audit(
    seed: int, *, kim: float, others: float, separation: float = 3.0, claims: bool = True
) -> tuple[list[GroupShare], list[float]]:
    """Return what is said of five annotators, and the true share of wrong labels of each; kim is the first.

    The evidence of a label is calibrated: a normal log likelihood ratio, its variance twice its mean.
    """
    random = np.random.default_rng(seed)
    given, person = random.integers(0, CLASSES, SAMPLES), random.integers(0, PEOPLE, SAMPLES)
    is_wrong = random.random(SAMPLES) < np.where(person == 0, kim, others)
    evidence = np.where(is_wrong, 1, -1) * separation**2 / 2 + random.normal(0, separation, SAMPLES)
    prior = is_wrong.mean()
    probability = 1 / (1 + np.exp(-(evidence + math.log(prior / (1 - prior)))))
    order = np.argsort(-probability)
    expected = float(probability.sum())
    opinion = Opinion(
        given_N=given[order],
        error_probability_N=probability[order] if claims else None,
        count_interval=(0.85 * expected, 1.15 * expected),
    )
    ranks = [np.flatnonzero(person[order] == each) + 1 for each in range(PEOPLE)]
    shares = compare_groups(ranks, opinion, comparisons=PEOPLE)
    return shares, [float(is_wrong[order][each - 1].mean()) for each in ranks]


@pytest.mark.parametrize("claims", [True, False])
def test_who_is_wrong_more_often_is_named(*, claims: bool) -> None:
    for seed in range(10):
        shares, _ = make_audit(seed, kim=0.2, others=0.02, claims=claims)
        assert [share.finding == "more" for share in shares] == [True, False, False, False, False]


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
def test_among_equals_nobody_is_named(rate: float) -> None:
    findings = [share.finding for seed in range(20) for share in make_audit(seed, kim=rate, others=rate)[0]]
    assert findings.count(None) == 100


def test_by_the_ranking_alone_a_name_is_as_rare_as_promised() -> None:
    named = [
        any(share.finding for share in make_audit(seed, kim=0.05, others=0.05, claims=False)[0])
        for seed in range(40)
    ]
    assert sum(named) <= 6  # 5 % of 40 are 2; more than 6 has a probability under .01


@pytest.mark.parametrize("separation", [2.0, 4.0, 8.0])
def test_intervals_hold(separation: float) -> None:
    held = [
        share.low is not None and share.high is not None and share.low <= true <= share.high
        for seed in range(20)
        for share, true in zip(*make_audit(seed, kim=0.2, others=0.02, separation=separation), strict=True)
    ]
    assert np.mean(held) >= 0.95


def test_without_a_claim_there_is_no_share() -> None:
    shares, _ = make_audit(0, kim=0.2, others=0.02, claims=False)
    assert {(share.share, share.low, share.high) for share in shares} == {(None, None, None)}
    assert shares[0].place < 0.45 < shares[1].place


def make_opinion(probability_N: npt.NDArray[Any], given_N: npt.NDArray[Any], **values: Any) -> Opinion:  # noqa: ANN401
    return Opinion(given_N=given_N, error_probability_N=probability_N, **values)


def test_fewer_than_ten_samples_are_never_named() -> None:
    probability = np.sort(np.r_[np.full(9, 0.99), np.full(291, 0.001)])[::-1]
    opinion = make_opinion(probability, np.zeros(300, dtype=np.int64), count_interval=(8.0, 10.0))
    few, rest = compare_groups([np.arange(1, 10), np.arange(10, 301)], opinion, comparisons=2)
    assert few.share is not None
    assert few.share > 0.5
    assert (few.finding, rest.finding) == (None, None)


def test_a_class_that_is_hard_for_everybody_names_nobody() -> None:
    # The first hundred ranks are of one class; whoever labels only that class is not more suspicious.
    given = np.r_[np.ones(100, dtype=np.int64), np.zeros(300, dtype=np.int64)]
    opinion = Opinion(given_N=given, error_probability_N=None)
    (share,) = compare_groups([np.arange(1, 101)], opinion, comparisons=1)
    assert share.place == pytest.approx(0.5)
    assert share.finding is None


def test_the_doubt_about_the_count_widens_every_interval() -> None:
    random = np.random.default_rng(0)
    probability = np.sort(np.where(random.random(1000) < 0.1, 0.95, 0.01))[::-1]
    given, group = np.zeros(1000, dtype=np.int64), np.arange(1, 1001, 2)
    sure = make_opinion(probability, given, count_interval=(probability.sum(),) * 2)
    unsure = make_opinion(probability, given, count_interval=(probability.sum() / 2, probability.sum() * 2))
    (narrow,), (wide,) = (compare_groups([group], opinion, comparisons=1) for opinion in (sure, unsure))
    assert narrow.share == wide.share
    assert (wide.low or 0) < (narrow.low or 0) < (narrow.high or 0) < (wide.high or 0)


def test_an_empty_group_says_nothing() -> None:
    opinion = make_opinion(np.full(50, 0.1), np.zeros(50, dtype=np.int64), count_interval=(4.0, 6.0))
    (share,) = compare_groups([np.array([], dtype=np.int64)], opinion, comparisons=1)
    assert (share.count, share.low, share.high, share.finding) == (0, 0.0, 1.0, None)


def test_intervals_of_classes_hold_together() -> None:
    """Classes with 2 to 20 % wrong labels; the probabilities are calibrated within each class."""
    rates_K = np.array([0.02, 0.03, 0.05, 0.1, 0.2])
    missed, widths = 0, []
    for seed in range(40):
        random = np.random.default_rng(seed)
        given = random.integers(0, CLASSES, SAMPLES)
        is_wrong = random.random(SAMPLES) < rates_K[given]
        evidence = np.where(is_wrong, 1, -1) * 4.5 + random.normal(0, 3, SAMPLES)
        prior_K = np.bincount(given, is_wrong) / np.bincount(given)
        odds = np.log(prior_K / (1 - prior_K))[given]
        probability = 1 / (1 + np.exp(-(evidence + odds)))
        expected = float(probability.sum())
        opinion = Opinion(
            given_N=given,
            error_probability_N=probability,
            count_interval=(0.85 * expected, 1.15 * expected),
        )
        groups = [np.flatnonzero(given == label) + 1 for label in range(CLASSES)]
        shares = measure_shares(groups, opinion, together=CLASSES)
        missed += any(not low <= true <= high for (_, low, high), true in zip(shares, prior_K, strict=True))
        widths.append(max(high - low for _, low, high in shares))
    assert missed <= 6, "5 % of 40 are 2; more than 6 has a probability under .01"
    assert np.median(widths) < 0.15


def test_no_group_has_more_wrong_labels_than_there_are() -> None:
    opinion = Opinion(
        given_N=np.zeros(100, np.int64), error_probability_N=np.full(100, 0.01), count_interval=(0, 2)
    )
    ((_, _, high),) = measure_shares([np.arange(1, 11)], opinion, together=1)
    assert high <= 0.2
