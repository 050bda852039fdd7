import numpy as np
import pytest
import torch

from models.cross_fitting.folds import NOBODY, assign_folds, measure_seen_shares

LABELS = torch.from_numpy(np.random.default_rng(0).integers(0, 4, 101))


def test_every_class_is_shared_out_alike() -> None:
    fold = assign_folds(LABELS, folds=5, blind_fraction=0.0, seed=3)
    assert fold is not None
    for label in range(4):
        counts = torch.bincount(fold[label == LABELS], minlength=5)
        assert counts.max() - counts.min() <= 1
    sizes = torch.bincount(fold)
    assert sizes.tolist() == [21, 20, 20, 20, 20]
    shares = measure_seen_shares(fold, scorers=5)
    assert shares == pytest.approx([1 - size / 101 for size in sizes.tolist()])


def test_a_blind_tenth_is_a_tenth_of_every_class() -> None:
    blind = assign_folds(LABELS, folds=1, blind_fraction=0.1, seed=3)
    assert blind is not None
    assert set(blind.tolist()) == {0, NOBODY}
    for label in range(4):
        is_blind = blind[label == LABELS] == 0
        assert abs(int(is_blind.sum()) - 0.1 * len(is_blind)) < 1
    assert measure_seen_shares(blind, scorers=1) == [pytest.approx(91 / 101)]


def test_the_seed_and_the_labels_alone_decide() -> None:
    first, again, other = (assign_folds(LABELS, folds=4, blind_fraction=0.0, seed=seed) for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_fold_without_a_blind_share_is_the_papers_training() -> None:
    assert assign_folds(LABELS, folds=1, blind_fraction=0.0, seed=0) is None
    assert measure_seen_shares(None, scorers=1) == [1.0]


def test_more_folds_than_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="3 samples cannot be split into 4 folds"):
        assign_folds(torch.tensor([0, 1, 1]), folds=4, blind_fraction=0.0, seed=0)
