import numpy as np
import pytest

from models.cross_fitting import ranking_evidence
from models.cross_fitting.ranking_evidence import compute_log_odds, measure_confusion


def certain(classes: np.ndarray, class_count: int) -> np.ndarray:
    """Return probabilities that are sure of these classes."""
    rows: np.ndarray = np.eye(class_count)[classes]
    return rows


def test_the_odds_follow_bayes_rule() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    transition = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.3, 0.1, 0.6]])
    labels = np.array([0, 2])
    confusion = np.log(transition) - np.log(np.diag(transition))
    joint = probabilities * transition[:, labels].T
    wrong = [joint[0, 1] + joint[0, 2], joint[1, 0] + joint[1, 1]]
    expected = np.log(np.array(wrong) / [joint[0, 0], joint[1, 2]])
    assert compute_log_odds(probabilities, labels, confusion) == pytest.approx(expected)
    assert compute_log_odds(7 * probabilities, labels, confusion) == pytest.approx(expected), "of any scale"


def test_no_probability_is_taken_for_zero_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = np.array([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3], [0.0, 1.0, 0.0]], dtype=np.float32)
    labels = np.array([1, 1, 1])
    together = compute_log_odds(probabilities, labels, np.zeros((3, 3)))
    assert together == pytest.approx([np.log(1e6), 0, np.log(2e-6)], abs=1e-5)
    monkeypatch.setattr(ranking_evidence, "BLOCK_ELEMENTS", 1)
    assert (compute_log_odds(probabilities, labels, np.zeros((3, 3))) == together).all()


def test_errors_one_way_are_counted_that_way_alone() -> None:
    # 100 samples of each of three classes; of class 0 40 are labelled 1. The first half of each is counted.
    classes = np.repeat([0, 1, 2], 100)
    labels = classes.copy()
    labels[:80:2] = 1
    confusion = measure_confusion(certain(classes, 3), labels)
    # One label of every other kind, by the prior: three pairs with 51 right labels, two with 26.
    others = (np.log(1 / 51) + np.log(1 / 26)) / 2
    raw = np.log(26 / 53) - np.log(51 / 53)
    variance = (1 / 26 - 1 / 53) + (1 / 51 - 1 / 53)
    kept = 1 - 2 * np.log(6) * variance / (raw - others) ** 2
    assert confusion[0, 1] == pytest.approx(others + kept * (raw - others))
    assert confusion[1, 0] == confusion[1, 2] == pytest.approx(others)
    assert (np.diag(confusion) == 0).all()


def test_what_networks_are_unsure_of_is_not_counted() -> None:
    classes = np.repeat([0, 1], 100)
    labels = classes.copy()
    labels[:50:2] = 1
    probabilities = np.where(certain(classes, 2) == 1, 0.9, 0.1)
    probabilities[:50] = [0.6, 0.4]
    assert np.ptp(measure_confusion(probabilities, labels)[[0, 1], [1, 0]]) == 0
    probabilities[:50] = [0.95, 0.05]
    confusion = measure_confusion(probabilities, labels)
    assert confusion[0, 1] > confusion[1, 0] + 1


def test_errors_both_ways_raise_both_and_few_counts_carry_nothing() -> None:
    classes = np.repeat([0, 1, 2, 3], 100)
    both_ways = classes.copy()
    both_ways[:60:2], both_ways[100:156:2] = 1, 0
    confusion = measure_confusion(certain(classes, 4), both_ways)
    assert min(confusion[0, 1], confusion[1, 0]) > confusion[2, 3] + 2
    few = classes.copy()
    few[:2] = 1
    apart = measure_confusion(certain(classes, 4), few)[~np.eye(4, dtype=bool)]
    assert np.ptp(apart) == 0, "two labels of a hundred are no direction"


def test_classes_of_unequal_size_are_compared_by_their_shares() -> None:
    # A fifth of either class has the other's label: 200 of one, 20 of the other.
    classes = np.repeat([0, 1], [1_000, 100])
    labels = classes.copy()
    labels[:1_000:5], labels[1_000::5] = 1, 0
    confusion = measure_confusion(certain(classes, 2), labels)
    assert confusion[0, 1] == pytest.approx(confusion[1, 0])


def test_uniform_noise_of_many_classes_shows_no_direction() -> None:
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(26), 12)
    labels = np.where(random.random(len(classes)) < 0.3, random.integers(0, 26, len(classes)), classes)
    apart = measure_confusion(certain(classes, 26), labels)[~np.eye(26, dtype=bool)]
    assert np.ptp(apart) < 0.1


def test_a_pair_both_ways_is_told_from_a_hard_sample() -> None:
    # Of two samples with as little probability of their label, the one whose label its class often gets.
    classes = np.repeat(np.arange(4), 200)
    labels = classes.copy()
    labels[:120:2], labels[200:320:2] = 1, 0
    confusion = measure_confusion(certain(classes, 4), labels)
    odds = compute_log_odds(np.array([[0.7, 0.3, 0, 0], [0, 0, 0.7, 0.3]]), np.array([1, 3]), confusion)
    assert odds[0] > odds[1] + 2
