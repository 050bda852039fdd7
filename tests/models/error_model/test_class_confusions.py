import numpy as np
import pytest

from models.error_model import class_confusions
from models.error_model.class_confusions import count_confusions


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
    counts = count_confusions(*noisy())
    assert counts.sum() == pytest.approx(3_000)
    shares = counts / counts.sum(1, keepdims=True)
    assert shares[0, 1] == pytest.approx(0.3, abs=0.03)
    assert np.delete(shares[~np.eye(3, dtype=bool)], 0).max() < 0.01


def test_what_a_network_cannot_tell_apart_is_no_error() -> None:
    probabilities, labels = noisy(unsure=0.4)
    counts = count_confusions(probabilities, labels)
    shares = counts / counts.sum(1, keepdims=True)
    assert shares[0, 1] == pytest.approx(0.3, abs=0.03)
    assert max(shares[1, 2], shares[2, 1]) < 0.02
    first_choice = probabilities.argmax(1)
    assert ((first_choice == 1) & (labels == 2)).mean() > 0.1, "the first choice alone is often wrong"


def test_too_many_classes_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_confusions, "has_too_many_classes", lambda *_: True)
    assert (count_confusions(*noisy()) == 0).all()
