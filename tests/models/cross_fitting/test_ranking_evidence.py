import numpy as np
import pytest

from models.cross_fitting.ranking_evidence import compute_log_margins, find_rivals, measure_asymmetry


def certain(classes: np.ndarray, class_count: int) -> np.ndarray:
    """Return probabilities that are sure of these classes."""
    rows: np.ndarray = np.eye(class_count)[classes]
    return rows


def test_margins_are_logarithms_of_odds_against_the_best_rival() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [1.0, 0.0, 0.0]], dtype=np.float32)
    labels = np.array([0, 2, 1])
    assert find_rivals(probabilities, labels).tolist() == [1, 1, 0]
    expected = [np.log(0.5 / 0.3), np.log(0.3 / 0.6), np.log(1e-6)]
    assert compute_log_margins(probabilities, labels) == pytest.approx(expected, rel=1e-5)


def test_errors_one_way_are_asymmetric() -> None:
    # 100 samples of each of three classes; of class 0 40 are labelled 1.
    classes = np.repeat([0, 1, 2], 100)
    labels = classes.copy()
    labels[:40] = 1
    asymmetry = measure_asymmetry(certain(classes, 3), labels)
    raw = np.log(41 / 103) - np.log(1 / 103)
    variance = (1 / 41 - 1 / 103) + (1 / 1 - 1 / 103)
    assert asymmetry[0, 1] == pytest.approx(raw * (1 - 4 * variance / raw**2))
    np.testing.assert_allclose(asymmetry, -asymmetry.T)
    assert asymmetry[0, 2] == asymmetry[1, 2] == 0


def test_errors_both_ways_cancel_out_and_few_counts_carry_nothing() -> None:
    classes = np.repeat([0, 1], 100)
    both_ways = classes.copy()
    both_ways[:30], both_ways[100:128] = 1, 0
    assert (measure_asymmetry(certain(classes, 2), both_ways) == 0).all()
    few = classes.copy()
    few[:2] = 1
    assert (measure_asymmetry(certain(classes, 2), few) == 0).all()


def test_classes_of_unequal_size_are_compared_by_their_shares() -> None:
    # A fifth of either class has the other's label: 200 of one, 20 of the other.
    classes = np.repeat([0, 1], [1_000, 100])
    labels = classes.copy()
    labels[:200], labels[1_000:1_020] = 1, 0
    assert (measure_asymmetry(certain(classes, 2), labels) == 0).all()
