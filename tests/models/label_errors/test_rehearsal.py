"""Rehearsals against numbers worked out by hand, and against a truth that only the test knows."""

import numpy as np
import pytest

from models.label_errors import rehearsal


def test_by_hand() -> None:
    # Rank by rank: planted, own error (surely), planted, right, planted, right.
    found = rehearsal.evaluate_rehearsal(
        is_planted_N=np.array([True, False, True, False, True, False]),
        error_probability_N=np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
        is_label_issue_N=np.array([True, True, True, False, False, False]),
        class_count=None,
    )
    assert found.planted_count == 3
    # Of the two right labels the planted ones beat 2, 2 and 1; of all three others 3, 2 and 1.
    assert found.roc_auc == pytest.approx(5 / 6)
    assert found.roc_auc_uncorrected == pytest.approx(6 / 9)
    assert found.recall is not None
    assert (found.recall[0.2], found.recall[0.5]) == pytest.approx((1 / 3, 2 / 3))
    assert found.cut_recall == pytest.approx(2 / 3)
    # One error of one's own is expected, two thirds of it found, and one label beside the planted is flagged.
    assert found.cut_precision == pytest.approx(2 / 3)


def test_no_more_is_corrected_than_the_audit_expects() -> None:
    # Two classes, half of the labels wrong: a flip rights as many as it wrongs.
    found = rehearsal.evaluate_rehearsal(
        is_planted_N=np.array([True, False, False, True]),
        error_probability_N=np.array([1.0, 1.0, 0.0, 0.0]),
        is_label_issue_N=np.array([True, True, False, False]),
        class_count=2,
    )
    # The first planted one beats both that are right, the other, which is right, none: 2/4. Nothing but the
    # planted is expected to be wrong, so nothing is corrected.
    assert found.roc_auc == pytest.approx(0.5)


@pytest.mark.parametrize(("rate", "classes"), [(0.1, 10), (0.4, 10), (0.8, 10), (0.3, 3)])
def test_the_estimate_is_the_truth_where_the_noise_is_alike(rate: float, classes: int) -> None:
    rng = np.random.default_rng(3)
    count = 40_000
    true = rng.integers(0, classes, count)
    given = np.where(rng.random(count) < rate, (true + rng.integers(1, classes, count)) % classes, true)
    is_planted = rng.random(count) < 0.05
    audited = np.where(is_planted, (given + rng.integers(1, classes, count)) % classes, given)
    score = rng.normal(2.0 * (audited != true), 1.0)
    order = np.argsort(-score)
    # The posterior of two unit normals at 0 and 2.
    odds = (audited != true).mean() / (audited == true).mean() * np.exp(2 * score - 2)
    error = odds / (1 + odds)
    found = rehearsal.evaluate_rehearsal(
        is_planted_N=is_planted[order],
        error_probability_N=error[order],
        is_label_issue_N=error[order] > 0.5,
        class_count=classes,
    )
    own = ~is_planted
    wrong = (given != true)[own]
    better = score[own][wrong][:, None][:2_000] > score[own][~wrong][None][:, :2_000]
    assert found.roc_auc == pytest.approx(better.mean(), abs=0.02)
    flagged = (error > 0.5)[own]
    assert found.cut_precision == pytest.approx(wrong[flagged].mean(), abs=0.03)
    assert found.cut_recall == pytest.approx(flagged[wrong].mean(), abs=0.03)


def test_where_nothing_may_be_claimed_only_the_planted_errors_are_counted() -> None:
    found = rehearsal.evaluate_rehearsal(
        is_planted_N=np.array([True, False, True, False, False]),
        error_probability_N=None,
        is_label_issue_N=np.array([True, True, False, False, False]),
        class_count=2,
    )
    # The planted ones, at ranks 1 and 3, beat 3 and 2 of the 3 others.
    assert found.roc_auc_uncorrected == pytest.approx(5 / 6)
    assert (found.roc_auc, found.roc_auc_error, found.cut_precision) == (None, None, None)
    assert found.recall is not None
    assert (found.recall[0.2], found.recall[0.3], found.recall[0.5]) == (0.5, 0.5, 1.0)
    assert found.cut_recall == 0.5


def test_nothing_planted_tells_nothing() -> None:
    found = rehearsal.evaluate_rehearsal(
        is_planted_N=np.zeros(3, dtype=bool),
        error_probability_N=np.zeros(3),
        is_label_issue_N=np.zeros(3, dtype=bool),
        class_count=2,
    )
    assert (found.planted_count, found.roc_auc, found.recall) == (0, None, None)


def test_the_automatic_share_is_small() -> None:
    assert [rehearsal.choose_share(count) for count in (100, 20_000, 10**6)] == [0.05, 0.025, 0.02]
