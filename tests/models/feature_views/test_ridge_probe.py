"""The linear probe: every label is judged by the others alone."""

import numpy as np
import numpy.typing as npt
import pytest

from models.feature_views import ridge_probe
from models.feature_views.ridge_probe import predict_out_of_sample


def draw_classes(
    count: int = 300, width: int = 12, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return features and labels of three classes around centres of their own."""
    generator = np.random.default_rng(seed)
    centres_KD = 3 * generator.normal(size=(3, width))
    labels_N = generator.integers(0, 3, count)
    return (centres_KD[labels_N] + generator.normal(size=(count, width))).astype(np.float32), labels_N


def test_it_equals_a_fit_without_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    penalty = 0.01
    features_ND, labels_N = draw_classes(count=40)
    monkeypatch.setattr(ridge_probe, "PENALTIES", (penalty,))
    monkeypatch.setattr(ridge_probe, "_calibrate", lambda predicted_NK, _: predicted_NK)
    found_NK = predict_out_of_sample(features_ND, labels_N, class_count=3)
    wide_ND = features_ND.astype(np.float64)
    unit_ND = wide_ND / np.linalg.norm(wide_ND, axis=1, keepdims=True)
    one_hot_NK = np.eye(3)[labels_N]
    for left_out in range(40):
        kept = np.arange(40) != left_out
        mean_D, frequency_K = unit_ND[kept].mean(0), one_hot_NK[kept].mean(0)
        centred_MD = unit_ND[kept] - mean_D
        weights_DK = np.linalg.solve(
            centred_MD.T @ centred_MD + penalty * 40 * np.eye(12),
            centred_MD.T @ (one_hot_NK[kept] - frequency_K),
        )
        expected_K = (unit_ND[left_out] - mean_D) @ weights_DK + frequency_K
        np.testing.assert_allclose(found_NK[left_out], expected_K, atol=1e-9)


def test_its_own_label_does_not_move_a_sample() -> None:
    features_ND, labels_N = draw_classes()
    changed_N = labels_N.copy()
    changed_N[7] = (labels_N[7] + 1) % 3
    before_NK = predict_out_of_sample(features_ND, labels_N, class_count=3)
    after_NK = predict_out_of_sample(features_ND, changed_N, class_count=3)
    # The scale and the other samples' predictions move a little; the class of this one does not.
    assert before_NK[7].argmax() == after_NK[7].argmax() == labels_N[7]
    assert abs(before_NK[7] - after_NK[7]).max() < 0.02


def test_pure_noise_is_not_learned() -> None:
    generator = np.random.default_rng(0)
    features_ND = generator.normal(size=(400, 300)).astype(np.float32)
    labels_N = generator.integers(0, 4, 400)
    probabilities_NK = predict_out_of_sample(features_ND, labels_N, class_count=4)
    assert (probabilities_NK.argmax(1) == labels_N).mean() < 0.35  # 0.25 by chance; seen labels would give 1
    assert probabilities_NK.max() < 0.6


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features_ND, labels_N = draw_classes()
    whole_NK = predict_out_of_sample(features_ND, labels_N, class_count=3)
    seen = []
    monkeypatch.setattr(ridge_probe, "BLOCK_VALUES", 12 * 70)
    parts_NK = predict_out_of_sample(features_ND, labels_N, class_count=3, on_block=lambda: seen.append(1))
    np.testing.assert_allclose(whole_NK, parts_NK, atol=1e-5)
    assert len(seen) == 3 * 5  # three passes over five blocks


def test_absent_classes_and_more_features_than_samples() -> None:
    features_ND, labels_N = draw_classes(count=30, width=200)
    probabilities_NK = predict_out_of_sample(features_ND, labels_N, class_count=5)
    assert np.isfinite(probabilities_NK).all()
    np.testing.assert_allclose(probabilities_NK.sum(1), 1, atol=1e-5)
    assert (probabilities_NK[:, :3].argmax(1) == labels_N).mean() > 0.9
    assert (probabilities_NK.argmax(1) < 3).all()


def test_a_mismatch_is_named() -> None:
    features_ND, labels_N = draw_classes(count=10)
    with pytest.raises(ValueError, match=r"one for each of 9 labels, not \[10, 12\]"):
        predict_out_of_sample(features_ND, labels_N[:9], class_count=3)
