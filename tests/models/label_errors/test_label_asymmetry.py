import numpy as np
import pytest

from models.label_errors.label_asymmetry import measure_asymmetry


def labelled(
    transition: np.ndarray, *, skill: float, count: int = 6_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities p, labels and truth, where the truth is drawn from the p it is scored by."""
    rng = np.random.default_rng(seed)
    classes = len(transition)
    powers = np.exp(skill * rng.standard_normal((count, classes)))
    p = powers / powers.sum(1, keepdims=True)
    truth = np.array([rng.choice(classes, p=row) for row in p])
    labels = np.array([rng.choice(classes, p=transition[true]) for true in truth])
    return p, labels, truth


def flattened(p: np.ndarray, sharpness: float) -> np.ndarray:
    """Return probabilities that come to p when they are sharpened."""
    powers = p ** (1 / sharpness)
    shares: np.ndarray = powers / powers.sum(1, keepdims=True)
    return shares


PAIR = np.array([[0.6, 0.4, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.9, 0.1], [0.1, 0.1, 0.1, 0.7]])


def test_asymmetries_are_the_odds_of_a_confusion_over_those_of_its_reverse() -> None:
    p, labels, _ = labelled(PAIR, skill=4.0)
    asymmetry = measure_asymmetry(flattened(p, 10.0), labels, classifier_weight=1.0)
    np.testing.assert_allclose(asymmetry, -asymmetry.T)
    assert asymmetry[0, 1] > 4
    assert asymmetry[3, 0] > 3
    assert asymmetry[3, 2] == pytest.approx(0, abs=0.3)  # a tenth each way


def test_a_weak_classifiers_probabilities_are_taken_as_they_are() -> None:
    p, labels, _ = labelled(PAIR, skill=4.0)
    assert measure_asymmetry(p, labels, classifier_weight=0.0)[0, 1] > 4


def test_what_a_classifier_cannot_tell_apart_has_no_asymmetry() -> None:
    # Classes 0 and 1 look alike, and nobody labelled anything wrong.
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 8_000)
    p = np.full((8_000, 4), 0.05)
    p[np.arange(8_000), truth] = 0.85
    p[truth < 2] = [0.45, 0.45, 0.05, 0.05]
    for classifier_weight in (0.0, 1.0):
        assert np.abs(measure_asymmetry(p, truth, classifier_weight=classifier_weight)).max() < 0.3


def test_classes_without_samples_have_no_asymmetry() -> None:
    p = np.full((40, 5), 0.2)
    labels = np.arange(40) % 3
    assert np.abs(measure_asymmetry(p, labels, classifier_weight=0.0)[3:, 3:]).max() == 0
    assert np.isfinite(measure_asymmetry(p, labels, classifier_weight=1.0)).all()


def test_absent_classes_and_single_samples_are_answered() -> None:
    p = np.full((3, 4), 0.25)
    assert np.isfinite(measure_asymmetry(p, np.array([1, 1, 1]), classifier_weight=0.0)).all()
    assert np.isfinite(measure_asymmetry(p[:1], np.array([3]), classifier_weight=1.0)).all()
