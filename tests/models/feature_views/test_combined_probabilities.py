"""Votes of neighbours, and one opinion from several."""

import numpy as np
import pytest

from models.feature_views.combined_probabilities import combine_probabilities
from models.feature_views.neighbour_votes import count_weighted_votes


def test_near_votes_count_more() -> None:
    probabilities_NK = count_weighted_votes(
        np.array([[1, 2], [0, 2], [0, 1]]),
        np.array([[0.9, 0.9], [0.9, 0.7], [0.9, 0.7]]),
        np.array([0, 0, 1]),
        class_count=2,
    )
    frequency = np.array([2, 1]) / 3
    equal, unequal = np.array([1, 1]), np.array([1, np.exp(-2)])
    np.testing.assert_allclose(probabilities_NK[0], (equal + frequency / 2) / 2.5, rtol=1e-6)
    np.testing.assert_allclose(
        probabilities_NK[1], (unequal + frequency / 2) / (unequal.sum() + 0.5), rtol=1e-6
    )
    assert probabilities_NK[2, 0] > 0.8  # both neighbours are of class 0; its own label has no vote


def test_log_odds_are_averaged() -> None:
    first_NK, second_NK = np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[0.2, 0.8], [0.5, 0.5]])
    mean_NK = combine_probabilities([first_NK, second_NK])
    np.testing.assert_allclose(mean_NK.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        np.log(mean_NK[0, 0] / mean_NK[0, 1]), (np.log(9) + np.log(0.25)) / 2, rtol=1e-5
    )
    np.testing.assert_allclose(mean_NK[1], 0.5)


def test_an_opinion_of_zero_rules_nothing_out() -> None:
    mean_NK = combine_probabilities([np.array([[1.0, 0.0]]), np.array([[0.01, 0.99]])])
    assert np.isfinite(mean_NK).all()
    assert mean_NK[0, 1] > 0


def test_no_opinion_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        combine_probabilities([])
