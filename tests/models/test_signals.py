import math

import numpy as np
import pytest
import torch

from models import signals
from models.limit import one_hot
from models.objectives import Outcome
from models.signals import SignalRecorder

CPU = torch.device("cpu")
FIRST = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 3.0, 0.0, 1.0]])
SECOND = torch.tensor([[0.0, 1.0, 0.5, -2.0], [1.5, 0.0, 2.0, 1.0]])
LABELS = torch.tensor([0, 2])
INDEX = torch.tensor([2, 0])


def recorder(*, decay: float = 0.5, score: str = "average") -> SignalRecorder:
    return SignalRecorder(sample_count=3, class_count=4, decay=decay, score=score, device=CPU)


def outcome(logits: torch.Tensor, norms: tuple[float, float] = (0.1, 0.2)) -> Outcome:
    return Outcome(
        classifier_loss=torch.tensor(0.0),
        predictor_loss=None,
        gradient_norm_B=torch.tensor(norms),
        judge_logits_BK=logits,
    )


def softmax(logits: torch.Tensor) -> np.ndarray:
    powers = np.exp(logits.numpy().astype(np.float64))
    return powers / powers.sum(1, keepdims=True)


def test_one_judgement_is_reported_as_it_is() -> None:
    record = recorder()
    record.record(INDEX, LABELS, outcome(FIRST))
    result = record.signals()
    p = softmax(FIRST)
    assert result.margin[[2, 0]].tolist() == [1.0, -3.0]
    np.testing.assert_allclose(result.given_label_probability[[2, 0]], [p[0, 0], p[1, 2]], rtol=1e-6)
    np.testing.assert_allclose(result.loss[[2, 0]], [-math.log(p[0, 0]), -math.log(p[1, 2])], rtol=1e-5)
    expected = np.linalg.norm(one_hot(LABELS, 4).numpy() - p, axis=1)
    np.testing.assert_allclose(result.distance_average[[2, 0]], expected, rtol=1e-6)
    np.testing.assert_allclose(result.predicted_gradient_norm[[2, 0]], [0.1, 0.2], rtol=1e-6)
    assert result.top_labels_N3[2].tolist() == [0, 1, 2]
    np.testing.assert_allclose(result.top_probabilities_N3[2], p[0, :3], rtol=1e-6)
    assert result.top_labels_N3[1].tolist() == [-1, -1, -1]


@pytest.mark.parametrize(("decay", "weights"), [(0.0, (0, 1)), (0.5, (1 / 3, 2 / 3)), (1.0, (1 / 2, 1 / 2))])
def test_averages_weigh_later_epochs_more(decay: float, weights: tuple[float, float]) -> None:
    record = recorder(decay=decay)
    record.record(INDEX, LABELS, outcome(FIRST))
    record.record(INDEX, LABELS, outcome(SECOND))
    result = record.signals()
    p = weights[0] * softmax(FIRST) + weights[1] * softmax(SECOND)
    np.testing.assert_allclose(result.given_label_probability[2], p[0, 0], rtol=1e-6)
    best = np.argsort(-p[1])[:3]
    assert result.top_labels_N3[0].tolist() == best.tolist()
    np.testing.assert_allclose(result.top_probabilities_N3[0], p[1, best], rtol=1e-6)
    last = np.linalg.norm(one_hot(LABELS, 4).numpy() - softmax(SECOND), axis=1)
    np.testing.assert_allclose(result.distance_last[[2, 0]], last, rtol=1e-6)


@pytest.mark.parametrize("score", ["average", "last"])
def test_the_last_pass_enters_no_average(score: str) -> None:
    record = recorder(score=score)
    record.record(INDEX, LABELS, outcome(FIRST))
    before = record.signals()
    record.record_last(INDEX, LABELS, SECOND)
    after = record.signals()
    assert np.array_equal(before.distance_average, after.distance_average)
    assert not np.array_equal(before.distance_last, after.distance_last)
    assert np.array_equal(after.distance, getattr(after, f"distance_{score}"))


def test_without_room_for_probabilities_the_last_ones_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "PROBABILITY_CELLS_MAX", 11)
    record = recorder(decay=1.0)
    record.record(INDEX, LABELS, outcome(FIRST))
    record.record(INDEX, LABELS, outcome(SECOND))
    result = record.signals()
    assert result.top_labels_N3[2].tolist() == [1, 2, 0]
    np.testing.assert_allclose(result.top_probabilities_N3[2], softmax(SECOND)[0, [1, 2, 0]], rtol=1e-6)
    record.record_last(INDEX, LABELS, FIRST)
    assert record.signals().top_labels_N3[2].tolist() == [0, 1, 2]


def test_returned_signals_do_not_change_later() -> None:
    record = recorder()
    record.record(INDEX, LABELS, outcome(FIRST))
    kept = record.signals()
    copies = {name: getattr(kept, name).copy() for name in ("distance", "distance_last", "top_labels_N3")}
    record.record(INDEX, LABELS, outcome(SECOND))
    assert all(np.array_equal(getattr(kept, name), copy) for name, copy in copies.items())
