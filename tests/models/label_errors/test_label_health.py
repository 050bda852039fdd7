"""Health of classes, confusions and budgets, against numbers worked out by hand."""

import numpy as np
import pytest

from models.label_errors import label_health
from models.label_errors.label_health import Confusion

# Four samples of classes 0, 1, 2. The third is certainly a 1 given as 0; the first is a 0 by half, else a 1
# by three quarters or a 2 by one.
GIVEN = np.array([0, 1, 0, 1])
ERROR = np.array([0.5, 0.0, 1.0, 0.2])
CANDIDATES = np.array([[1, 0, 2], [1, 0, -1], [1, 2, -1], [1, 0, -1]])
PROBABILITIES = np.array([[0.6, 0.2, 0.2], [0.9, 0.1, 0.0], [1.0, 0.0, 0.0], [0.7, 0.3, 0.0]])


@pytest.fixture
def found() -> Confusion:
    return label_health.count_confusion(GIVEN, ERROR, CANDIDATES, PROBABILITIES, class_count=4)


def dense(found: Confusion) -> np.ndarray:
    matrix = np.zeros((found.class_count, found.class_count))
    matrix[found.true_P, found.given_P] = found.count_P
    return matrix


def test_an_error_falls_to_the_likeliest_other_classes(found: Confusion) -> None:
    # given:      0            1
    expected = [[0.5, 0.2, 0, 0], [0.375 + 1, 1 + 0.8, 0, 0], [0.125, 0, 0, 0], [0, 0, 0, 0]]
    assert dense(found) == pytest.approx(np.array(expected), abs=1e-6)
    assert found.count_P.sum() == pytest.approx(4)


def test_health_of_classes(found: Confusion) -> None:
    classes = label_health.measure_class_health(found)
    # Class 0: two were given it, 0.5 of them are it, 0.7 are it in all.
    assert classes.noise_rate_K[:2] == pytest.approx([0.75, 0.1], abs=1e-6)
    assert classes.missed_rate_K[:3] == pytest.approx([2 / 7, 1.375 / 3.175, 1.0], abs=1e-6)
    assert classes.health_K[:3] == pytest.approx([0.5 / 2.2, 1.8 / 3.375, 0.0], abs=1e-6)
    assert np.isnan(classes.noise_rate_K[2:]).all()  # nothing was given 2 or 3
    assert np.isnan(classes.health_K[3])  # nothing is or was given 3


def test_the_transition_matrix_has_true_classes_as_rows(found: Confusion) -> None:
    matrix = label_health.compute_transition_matrix(found)
    assert matrix[0] == pytest.approx([5 / 7, 2 / 7, 0, 0], abs=1e-6)
    assert matrix[:3].sum(1) == pytest.approx([1, 1, 1])
    assert np.isnan(matrix[3]).all()


def test_pairs_come_by_their_expected_count(found: Confusion) -> None:
    pairs = label_health.list_confused_pairs(found, limit=2)
    assert [(true, given) for true, given, _ in pairs] == [(1, 0), (0, 1)]
    assert [count for *_, count in pairs] == pytest.approx([1.375, 0.2], abs=1e-6)


def test_a_sample_without_another_candidate_counts_as_right() -> None:
    found = label_health.count_confusion(
        np.array([0]), np.array([0.9]), np.array([[0, -1]]), np.array([[1.0, 0.0]]), class_count=2
    )
    assert dense(found).tolist() == [[1, 0], [0, 0]]


def test_a_known_confusion_is_found_again() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 30_000)
    given = np.where((true == 2) & (rng.random(30_000) < 0.3), 0, true)
    candidates = np.stack([true, (true + 1) % 3], axis=1)
    probabilities = np.tile([0.98, 0.02], (30_000, 1))
    found = label_health.count_confusion(
        given, (given != true).astype(float), candidates, probabilities, class_count=3
    )
    assert label_health.compute_transition_matrix(found)[2] == pytest.approx([0.3, 0, 0.7], abs=0.01)
    assert label_health.compute_transition_matrix(found)[:2] == pytest.approx(np.eye(3)[:2], abs=0.01)


def test_the_budget_says_what_a_review_finds() -> None:
    probability = np.array([1.0, 0.5, 0.5, 0.0], dtype=np.float32)
    budget = label_health.compute_budget(probability)
    assert budget.review_B.tolist() == [1, 2, 3, 4]
    assert budget.found_B.tolist() == [1.0, 1.5, 2.0, 2.0]
    assert budget.total == 2.0
    assert [label_health.count_reviews(probability, share) for share in (0.5, 0.75, 0.9, 1.0)] == [1, 2, 3, 3]


def test_a_long_budget_is_thinned_and_keeps_its_ends() -> None:
    budget = label_health.compute_budget(np.full(1_000_000, 0.25))
    assert len(budget.review_B) <= label_health.CURVE_POINTS
    assert (budget.review_B[0], budget.review_B[-1]) == (1, 1_000_000)
    assert budget.found_B[-1] == pytest.approx(250_000)


def test_without_errors_there_is_nothing_to_review() -> None:
    assert label_health.count_reviews(np.zeros(5), 0.9) == 0
    assert label_health.compute_budget(np.zeros(5)).total == 0
