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


def test_the_confident_joint_by_hand() -> None:
    probabilities_NK = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    labels_N = np.array([0, 0, 1, 1, 1])
    # Thresholds: 0.8 and (0.9 + 0.8 + 0.05) / 3 = 0.583. Counted: sample 0 as (0, 0), 2 and 3 as (1, 1),
    # 4 as (0, 1); sample 1 as none. Of the three labels 1 a third is wrong: one of five.
    assert other_views.confident_joint(probabilities_NK, labels_N) == pytest.approx(0.2)


def test_anchors_take_the_surest_of_each_class() -> None:
    sure_N = np.linspace(0.99, 0.6, 20)
    prior_NK = np.column_stack([sure_N, 1 - sure_N])
    labels_N = np.zeros(20, dtype=np.int64)
    labels_N[1] = 1
    # The surest tenth are two samples, of which one is labelled otherwise.
    assert other_views.anchors(prior_NK, labels_N) == 0.5
