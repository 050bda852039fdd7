import numpy as np
import pytest

from models.cross_fitting import ranking_evidence
from models.cross_fitting.ranking_evidence import (
    SHARPNESS,
    balance_classes,
    compute_log_odds,
    measure_confusion,
)


def count(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how often each class was given each label."""
    counts: np.ndarray = np.zeros((classes.max() + 1,) * 2)
    np.add.at(counts, (classes, labels), 1)
    return counts


def measure_certain(counts: np.ndarray) -> np.ndarray:
    """Return the confusion by counts of samples whose class is certain."""
    of_share = 1 / (counts + 1) - 1 / (counts + 1).sum(1, keepdims=True)
    return measure_confusion(counts, of_share + np.diag(of_share))


def test_the_odds_follow_bayes_rule() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    transition = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.3, 0.1, 0.6]])
    labels = np.array([0, 2])
    confusion = np.log(transition) - np.log(np.diag(transition))
    joint = probabilities**SHARPNESS * transition[:, labels].T
    wrong = [joint[0, 1] + joint[0, 2], joint[1, 0] + joint[1, 1]]
    expected = np.log(np.array(wrong) / [joint[0, 0], joint[1, 2]])
    assert compute_log_odds(probabilities, labels, confusion) == pytest.approx(expected)
    assert compute_log_odds(7 * probabilities, labels, confusion) == pytest.approx(expected), "of any scale"


def test_no_probability_is_taken_for_zero_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = np.array([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3], [0.0, 1.0, 0.0]], dtype=np.float32)
    labels = np.array([1, 1, 1])
    together = compute_log_odds(probabilities, labels, np.zeros((3, 3)))
    sharp = (0.2**SHARPNESS + 0.3**SHARPNESS) / 0.5**SHARPNESS
    expected = [SHARPNESS * np.log(1e6), np.log(sharp), np.log(2) + SHARPNESS * np.log(1e-6)]
    assert together == pytest.approx(expected, abs=1e-5)
    monkeypatch.setattr(ranking_evidence, "BLOCK_ELEMENTS", 1)
    assert (compute_log_odds(probabilities, labels, np.zeros((3, 3))) == together).all()


def test_errors_one_way_are_counted_that_way_alone() -> None:
    confusion = measure_certain(np.array([[60.0, 40, 0], [0, 100, 0], [0, 0, 100]]))
    # One label of every other kind, by the prior: three pairs with 101 right labels, two with 61.
    others = (np.log(1 / 101) + np.log(1 / 61)) / 2
    raw = np.log(41 / 103) - np.log(101 / 103)
    variance = (1 / 41 - 1 / 103) + (1 / 101 - 1 / 103)
    kept = 1 - 2 * np.log(6) * variance / (raw - others) ** 2
    assert confusion[0, 1] == pytest.approx(others + kept * (raw - others))
    assert confusion[1, 0] == confusion[1, 2] == pytest.approx(others)
    assert (np.diag(confusion) == 0).all()


def test_errors_both_ways_raise_both_and_few_counts_carry_nothing() -> None:
    both_ways = 100 * np.eye(4)
    both_ways[:2, :2] = [[70, 30], [28, 72]]
    confusion = measure_certain(both_ways)
    assert min(confusion[0, 1], confusion[1, 0]) > confusion[2, 3] + 2
    few = 100 * np.eye(4)
    few[0, :2] = [98, 2]
    apart = measure_certain(few)[~np.eye(4, dtype=bool)]
    assert np.ptp(apart) == 0, "two labels of a hundred are no direction"


def test_classes_of_unequal_size_are_compared_by_their_shares() -> None:
    # A fifth of either class has the other's label: 200 of one, 20 of the other.
    confusion = measure_certain(np.array([[800.0, 200], [20, 80]]))
    assert confusion[0, 1] == pytest.approx(confusion[1, 0], abs=0.05)


def test_uniform_noise_of_many_classes_and_no_count_show_no_direction() -> None:
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(26), 12)
    labels = np.where(random.random(len(classes)) < 0.3, random.integers(0, 26, len(classes)), classes)
    apart = measure_certain(count(classes, labels))[~np.eye(26, dtype=bool)]
    assert np.ptp(apart) < 0.1
    assert (measure_certain(np.zeros((3, 3))) == 0).all()


def test_a_pair_both_ways_is_told_from_a_hard_sample() -> None:
    # Of two samples with as little probability of their label, the one whose label its class often gets.
    counts = 200 * np.eye(4)
    counts[:2, :2] = [[140, 60], [60, 140]]
    confusion = measure_certain(counts)
    odds = compute_log_odds(np.array([[0.7, 0.3, 0, 0], [0, 0, 0.7, 0.3]]), np.array([1, 3]), confusion)
    assert odds[0] > odds[1] + 2


def test_a_count_that_is_badly_known_carries_nothing() -> None:
    counts = 200 * np.eye(4) + 20
    counts[0, :2] = [180, 60]
    found = [measure_confusion(counts, np.full((4, 4), variance)) for variance in (0.0, 0.1, 1.0)]
    known, less_known, unknown = (confusion[0, 1] - confusion[2, 3] for confusion in found)
    assert known > less_known > unknown == 0


def test_a_favour_for_a_class_is_undone_where_networks_are_unsure() -> None:
    probabilities = np.array([[0.2, 0.8, 0.0], [0.0, 1.0, 0.0]])
    balanced = balance_classes(probabilities, np.log([4.0, 1.0, 1.0]))
    assert balanced[0] == pytest.approx([0.5, 0.5, 0], abs=1e-5)
    assert balanced[1] == pytest.approx([0, 1, 0], abs=1e-5)
