import numpy as np
import pytest
import torch

from models.training.feature_recorder import FeatureRecorder


def recorded(features: torch.Tensor, width_max: int) -> np.ndarray | None:
    recorder = FeatureRecorder(
        sample_count=len(features), width_max=width_max, seed=0, device=torch.device("cpu")
    )
    for index in torch.arange(len(features)).flip(0).split(7):
        recorder.record(index, features[index])
    return recorder.get_features()


def test_features_come_back_in_the_samples_order() -> None:
    features = torch.randn(20, 5)
    assert recorded(features, 5) == pytest.approx(features.numpy(), abs=2e-3)
    assert recorded(features, 0) is None


def test_too_many_features_are_projected_and_keep_their_distances() -> None:
    features = torch.randn(20, 2_048)
    kept = recorded(features, 256)
    assert kept is not None
    assert (kept.shape, kept.dtype) == ((20, 256), np.dtype(np.float16))
    before, after = torch.pdist(features), torch.pdist(torch.from_numpy(kept).float())
    assert (after / before).numpy() == pytest.approx(1, abs=0.25)


def test_what_float16_cannot_hold_is_cut() -> None:
    kept = recorded(torch.full((2, 1), 1e9), 1)
    assert kept is not None
    assert np.isfinite(kept).all()
