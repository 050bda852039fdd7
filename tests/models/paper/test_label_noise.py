import numpy as np
import pytest

from models.paper import label_noise

LABELS = np.repeat(np.arange(4), 5_000)


def test_uniform_noise_has_its_rate_and_prefers_no_class() -> None:
    noisy, is_error = label_noise.add_uniform_noise(LABELS, class_count=4, rate=0.3, seed=0)
    assert is_error.mean() == pytest.approx(0.3, abs=0.015)
    assert np.array_equal(is_error, noisy != LABELS)
    for label in range(4):
        wrong = np.bincount(noisy[(label == LABELS) & is_error], minlength=4)
        assert wrong[label] == 0
        np.testing.assert_allclose(np.delete(wrong, label), 500, atol=90)


def test_pair_noise_goes_only_where_the_mapping_says() -> None:
    noisy, is_error = label_noise.add_pair_noise(
        LABELS, mapping={0: 2, 3: 1}, class_count=4, rate=0.4, seed=1
    )
    assert set(noisy[LABELS == 0]) == {0, 2}
    assert set(noisy[LABELS == 3]) == {1, 3}
    assert not is_error[(LABELS == 1) | (LABELS == 2)].any()
    assert is_error[LABELS == 0].mean() == pytest.approx(0.4, abs=0.03)


def test_confusion_noise_follows_its_matrix() -> None:
    matrix = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    labels = np.repeat(np.arange(3), 10_000)
    noisy, _ = label_noise.add_confusion_noise(labels, matrix_KK=matrix, seed=2)
    found = np.array([np.bincount(noisy[labels == label], minlength=3) for label in range(3)]) / 10_000
    np.testing.assert_allclose(found, matrix, atol=0.02)
    assert (found[matrix == 0] == 0).all()


def test_noise_is_a_function_of_its_seed() -> None:
    first, again, other = (
        label_noise.add_uniform_noise(LABELS, class_count=4, rate=0.5, seed=s)[0] for s in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_the_extreme_rates_change_nothing_or_everything(rate: float) -> None:
    _, is_error = label_noise.add_uniform_noise(LABELS, class_count=4, rate=rate, seed=0)
    assert is_error.mean() == rate


def test_impossible_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        label_noise.add_uniform_noise(LABELS, class_count=4, rate=1.5, seed=0)
    with pytest.raises(ValueError, match="square"):
        label_noise.add_confusion_noise(LABELS, matrix_KK=np.ones((2, 3)), seed=0)
    with pytest.raises(ValueError, match=r"0 \.\. 2, not 0 \.\. 3"):
        label_noise.add_uniform_noise(LABELS, class_count=3, rate=0.1, seed=0)
    with pytest.raises(ValueError, match="Labels must be in"):
        label_noise.add_pair_noise(LABELS, mapping={0: 4}, class_count=4, rate=0.1, seed=0)
