import numpy as np
import pytest

from models.checks import review_budget


def test_the_budget_says_what_a_review_finds() -> None:
    probability = np.array([1.0, 0.5, 0.5, 0.0], dtype=np.float32)
    budget = review_budget.compute_budget(probability)
    assert budget.review_B.tolist() == [1, 2, 3, 4]
    assert budget.found_B.tolist() == [1.0, 1.5, 2.0, 2.0]
    assert budget.total == 2.0
    assert [review_budget.count_reviews(probability, share) for share in (0.5, 0.75, 0.9, 1.0)] == [
        1,
        2,
        3,
        3,
    ]


def test_a_long_budget_is_thinned_and_keeps_its_ends() -> None:
    budget = review_budget.compute_budget(np.full(1_000_000, 0.25))
    assert len(budget.review_B) <= review_budget.CURVE_POINTS
    assert (budget.review_B[0], budget.review_B[-1]) == (1, 1_000_000)
    assert budget.found_B[-1] == pytest.approx(250_000)


def test_without_errors_there_is_nothing_to_review() -> None:
    assert review_budget.count_reviews(np.zeros(5), 0.9) == 0
    assert review_budget.compute_budget(np.zeros(5)).total == 0
