"""Health of classes and budgets, against numbers worked out by hand."""

import numpy as np
import pytest

from models.label_errors import label_health

# Rows: true class; columns: given label. Nothing is or was given 3.
JOINT = np.array([[0.5, 0.2, 0, 0], [1.375, 1.8, 0, 0], [0.125, 0, 0, 0], [0, 0, 0, 0]])


def test_health_of_classes() -> None:
    classes = label_health.measure_class_health(JOINT)
    # Class 0: two were given it, 0.5 of them are it, 0.7 are it in all.
    assert classes.noise_rate_K[:2] == pytest.approx([0.75, 0.1], abs=1e-6)
    assert classes.missed_rate_K[:3] == pytest.approx([2 / 7, 1.375 / 3.175, 1.0], abs=1e-6)
    assert classes.health_K[:3] == pytest.approx([0.5 / 2.2, 1.8 / 3.375, 0.0], abs=1e-6)
    assert np.isnan(classes.noise_rate_K[2:]).all()  # nothing was given 2 or 3
    assert np.isnan(classes.health_K[3])


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
