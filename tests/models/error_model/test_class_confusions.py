import numpy as np
import pytest

from models.error_model import class_confusions
from models.error_model.class_confusions import TransitionInformation, count_confusions


def noisy(*, unsure: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and labels of three classes; 30 % of class 0 are labelled 1.

    A share of the samples of classes 1 and 2 cannot be told apart, and their labels are right.
    """
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, 3_000)
    probabilities = np.full((3_000, 3), 0.02)
    probabilities[np.arange(3_000), classes] = 0.96
    is_unsure = (classes > 0) & (random.random(3_000) < unsure)
    probabilities[is_unsure] = [0.02, 0.49, 0.49]
    labels = np.where((classes == 0) & (random.random(3_000) < 0.3), 1, classes)
    return probabilities, labels


def test_errors_of_one_class_are_counted_as_its_errors() -> None:
    counts = count_confusions(*noisy()).counts_KK
    assert counts.sum() == pytest.approx(3_000)
    shares = counts / counts.sum(1, keepdims=True)
    assert shares[0, 1] == pytest.approx(0.3, abs=0.03)
    assert np.delete(shares[~np.eye(3, dtype=bool)], 0).max() < 0.01


def test_what_a_network_cannot_tell_apart_is_no_error() -> None:
    probabilities, labels = noisy(unsure=0.4)
    confusions = count_confusions(probabilities, labels)
    counts = confusions.counts_KK
    shares = counts / counts.sum(1, keepdims=True)
    assert shares[0, 1] == pytest.approx(0.3, abs=0.03)
    assert max(shares[1, 2], shares[2, 1]) < 0.02
    first_choice = probabilities.argmax(1)
    assert ((first_choice == 1) & (labels == 2)).mean() > 0.1, "the first choice alone is often wrong"


def test_of_certain_samples_the_variance_is_that_of_binomial_counts() -> None:
    random = np.random.default_rng(0)
    classes, labels = random.integers(0, 4, (2, 500))
    counts = np.ones((4, 4))
    np.add.at(counts, (classes, labels), 1)
    of_share = 1 / counts - 1 / counts.sum(1, keepdims=True)
    is_pair = ~np.eye(4, dtype=bool)
    found = TransitionInformation(np.eye(4)[classes], labels).measure_variance()
    np.testing.assert_allclose(found[is_pair], (of_share + np.diag(of_share))[is_pair])


def test_unsure_samples_tell_less_than_their_number() -> None:
    ratios = []
    for doubt in (0.0, 0.2, 0.4):
        random = np.random.default_rng(0)
        second = random.choice([doubt, 1 - doubt], 2_000)
        classes = (random.random(2_000) < second).astype(int)
        labels = np.where((classes == 0) & (random.random(2_000) < 0.3), 1, classes)
        posterior = np.column_stack([1 - second, second])
        counts = posterior.T @ np.eye(2)[labels] + 1
        of_share = 1 / counts - 1 / counts.sum(1, keepdims=True)
        variance = TransitionInformation(posterior, labels).measure_variance()[0, 1]
        ratios.append(variance / (of_share[0, 1] + of_share[1, 1]))
    assert ratios[0] == pytest.approx(1)
    assert ratios[2] > 2 * ratios[1] > 2


def graded(seed: int, favour: float) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of all degrees that favour class 0, and labels of which a fifth are others."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(3, 0.5), 3_000)
    classes = (probabilities.cumsum(1) > random.random((3_000, 1))).argmax(1)
    labels = np.where(random.random(3_000) < 0.3, random.integers(0, 3, 3_000), classes)
    favoured = probabilities.clip(1e-3) * np.exp([favour, 0, 0])
    return favoured / favoured.sum(1, keepdims=True), labels


def test_a_favour_for_a_class_is_found_and_chance_is_not_taken_for_one() -> None:
    bias = count_confusions(*graded(0, 1.0)).bias_K
    assert bias == pytest.approx([-2 / 3, 1 / 3, 1 / 3], abs=0.25)
    none = [count_confusions(*graded(seed, 0.0)).bias_K for seed in range(10)]
    assert sum((each == 0).all() for each in none) > 2, "as often as their squares are below their variance"
    assert max(np.abs(each).max() for each in none) < 0.3


def test_too_many_classes_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_confusions, "has_too_many_classes", lambda *_: True)
    confusions = count_confusions(*noisy())
    assert (confusions.counts_KK == 0).all()
    assert (confusions.variance_KK == 0).all()
    assert (confusions.bias_K == 0).all()
