"""Signals of several trainings as one, by hand."""

import numpy as np
import pytest

from models.label_errors.ensemble import average_signals


def signals(distance: list[float], labels: list[list[int]], probabilities: list[list[float]]) -> dict:  # type: ignore[type-arg]
    return {
        "distance": np.array(distance, dtype=np.float32),
        "top_labels_N3": np.array(labels),
        "top_probabilities_N3": np.array(probabilities, dtype=np.float32),
    }


def test_signals_are_average_signals_and_classes_vote_with_their_probability() -> None:
    first = signals([0.2, 1.0], [[4, 1, 2], [0, 1, -1]], [[0.5, 0.3, 0.2], [0.6, 0.4, 0.0]])
    second = signals([0.4, 0.5], [[1, 2, 3], [1, 0, -1]], [[0.6, 0.3, 0.1], [0.7, 0.3, 0.0]])
    found = average_signals([first, second])
    assert found["distance"] == pytest.approx([0.3, 0.75])
    # Of sample 0: class 1 has (0.3 + 0.6) / 2, class 2 and class 4 have 0.25, the smaller comes first.
    assert found["top_labels_N3"].tolist() == [[1, 2, 4], [1, 0, -1]]
    assert found["top_probabilities_N3"] == pytest.approx(
        np.array([[0.45, 0.25, 0.25], [0.55, 0.45, 0.0]]), abs=1e-6
    )
    assert found["distance"].dtype == found["top_probabilities_N3"].dtype == np.float32


def test_one_training_stays_as_it_is() -> None:
    only = signals([0.2], [[4, 1, 2]], [[0.5, 0.3, 0.2]])
    assert average_signals([only]) is only


def test_a_signal_that_a_training_did_not_measure_is_left_out_in_either_order() -> None:
    plain = signals([0.2], [[0, 1, -1]], [[0.6, 0.4, 0.0]])
    folded = signals([0.4], [[0, 1, -1]], [[0.8, 0.2, 0.0]]) | {"memorisation": np.array([0.5], np.float32)}
    for trainings in ([plain, folded], [folded, plain], [folded, plain, folded]):
        found = average_signals(trainings)
        assert set(found) == {"distance", "top_labels_N3", "top_probabilities_N3"}
    assert average_signals([folded, folded])["memorisation"] == pytest.approx([0.5])
