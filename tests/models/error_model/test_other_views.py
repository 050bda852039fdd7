import numpy as np
import pytest

from models.error_model import other_views


def test_consensus_finds_the_noise_rate_where_neighbours_are_of_one_class() -> None:
    random = np.random.default_rng(0)
    true_N = random.integers(0, 3, 4_000)
    votes_N3 = np.repeat(true_N[:, None], 3, axis=1)
    is_wrong_N3 = random.random((4_000, 3)) < 0.3
    votes_N3 = np.where(is_wrong_N3, (votes_N3 + random.integers(1, 3, (4_000, 3))) % 3, votes_N3)
    assert other_views.consensus(votes_N3, 3) == pytest.approx(0.3, abs=0.02)


def test_disagreement_is_the_share_of_labels_that_are_not_the_likeliest_class() -> None:
    prior_NK = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    assert other_views.disagreement(prior_NK, np.array([0, 1, 1, 0])) == 0.25
