import numpy as np
import pytest

from models.label_errors.external_signals import derive_signals


def test_signals_of_probabilities_by_hand() -> None:
    found = derive_signals(np.array([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0]], dtype=np.float32), np.array([1, 0]))
    # The differences to the given labels are 0.5, -0.7, 0.2 and -1, 1, 0.
    assert found.distance == pytest.approx(np.sqrt([0.78, 2.0]))
    assert found.margin[0] == pytest.approx(np.log(0.3 / 0.5))
    assert found.loss == pytest.approx([-np.log(0.3), -np.log(1e-12)])
    assert found.given_label_probability == pytest.approx([0.3, 0.0])
    assert found.top_labels_N3.tolist() == [[0, 1, 2], [1, 0, 2]]
    assert found.top_probabilities_N3[0] == pytest.approx([0.5, 0.3, 0.2])
    assert found.predicted_gradient_norm.tolist() == [0, 0]


def test_two_classes_have_no_third() -> None:
    found = derive_signals(np.array([[0.25, 0.75]], dtype=np.float32), np.array([0]))
    assert found.top_labels_N3.tolist() == [[1, 0, -1]]
    assert found.top_probabilities_N3.tolist() == [[0.75, 0.25, 0.0]]
