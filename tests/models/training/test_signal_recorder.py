import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.paper.limit import encode_one_hot
from models.paper.objectives import Outcome
from models.ranking.ranking_scores import RANKING_SCORES
from models.training.signal_recorder import SignalRecorder

CPU = torch.device("cpu")
FIRST = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 3.0, 0.0, 1.0]])
SECOND = torch.tensor([[0.0, 1.0, 0.5, -2.0], [1.5, 0.0, 2.0, 1.0]])
LABELS = torch.tensor([0, 2])
INDEX = torch.tensor([2, 0])


def recorder(
    *,
    decay: float | None = 0.5,
    score: str = "average",
    has_predictor: bool = True,
    has_folds: bool = False,
) -> SignalRecorder:
    return SignalRecorder(
        sample_count=3,
        class_count=4,
        decay=decay,
        ranking=RANKING_SCORES[score],
        has_predictor=has_predictor,
        has_folds=has_folds,
        device=CPU,
    )


def outcome(logits: torch.Tensor, norms: tuple[float, float] = (0.1, 0.2)) -> Outcome:
    return Outcome(
        classifier_loss=torch.tensor(0.0),
        predictor_loss=None,
        gradient_norm_B=torch.tensor(norms),
        scoring_logits_BK=logits,
    )


def softmax(logits: torch.Tensor) -> np.ndarray:
    powers = np.exp(logits.numpy().astype(np.float64))
    shares: np.ndarray = powers / powers.sum(1, keepdims=True)
    return shares


def test_one_judgement_is_reported_as_it_is() -> None:
    record = recorder()
    record.record(INDEX, LABELS, outcome(FIRST), SECOND)
    result = record.collect_signals()
    p = softmax(FIRST)
    assert result.margin[[2, 0]].tolist() == [1.0, -3.0]
    np.testing.assert_allclose(result.given_label_probability[[2, 0]], [p[0, 0], p[1, 2]], rtol=1e-6)
    np.testing.assert_allclose(result.loss[[2, 0]], [-math.log(p[0, 0]), -math.log(p[1, 2])], rtol=1e-5)
    expected = np.linalg.norm(encode_one_hot(LABELS, 4).numpy() - p, axis=1)
    np.testing.assert_allclose(result.distance_average[[2, 0]], expected, rtol=1e-6)
    np.testing.assert_allclose(result.predicted_gradient_norm[[2, 0]], [0.1, 0.2], rtol=1e-6)
    assert result.top_labels_N3[2].tolist() == [0, 1, 2]
    np.testing.assert_allclose(result.top_probabilities_N3[2], p[0, :3], rtol=1e-6)
    assert result.top_labels_N3[1].tolist() == [-1, -1, -1]


@pytest.mark.parametrize(("decay", "weights"), [(0.0, (0, 1)), (0.5, (1 / 3, 2 / 3)), (1.0, (1 / 2, 1 / 2))])
def test_averages_weigh_later_epochs_more(decay: float, weights: tuple[float, float]) -> None:
    record = recorder(decay=decay)
    record.record(INDEX, LABELS, outcome(FIRST), SECOND)
    record.record(INDEX, LABELS, outcome(SECOND), FIRST)
    result = record.collect_signals()
    p = weights[0] * softmax(FIRST) + weights[1] * softmax(SECOND)
    np.testing.assert_allclose(result.given_label_probability[2], p[0, 0], rtol=1e-6)
    best = np.argsort(-p[1])[:3]
    assert result.top_labels_N3[0].tolist() == best.tolist()
    np.testing.assert_allclose(result.top_probabilities_N3[0], p[1, best], rtol=1e-6)
    last = np.linalg.norm(encode_one_hot(LABELS, 4).numpy() - softmax(SECOND), axis=1)
    np.testing.assert_allclose(result.distance_last[[2, 0]], last, rtol=1e-6)


@pytest.mark.parametrize("score", ["average", "last"])
def test_the_last_pass_enters_no_average(score: str) -> None:
    record = recorder(score=score)
    record.record(INDEX, LABELS, outcome(FIRST), SECOND)
    before = record.collect_signals()
    record.record_last(INDEX, LABELS, SECOND)
    after = record.collect_signals()
    assert np.array_equal(before.distance_average, after.distance_average)
    assert not np.array_equal(before.distance_last, after.distance_last)
    assert np.array_equal(after.distance, getattr(after, f"distance_{score}"))


def test_without_room_for_probabilities_the_last_ones_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.signal_recorder.PROBABILITY_CELLS_MAX", 11)
    record = recorder(decay=1.0)
    record.record(INDEX, LABELS, outcome(FIRST), SECOND)
    record.record(INDEX, LABELS, outcome(SECOND), FIRST)
    result = record.collect_signals()
    assert result.top_labels_N3[2].tolist() == [1, 2, 0]
    np.testing.assert_allclose(result.top_probabilities_N3[2], softmax(SECOND)[0, [1, 2, 0]], rtol=1e-6)
    record.record_last(INDEX, LABELS, FIRST)
    assert record.collect_signals().top_labels_N3[2].tolist() == [0, 1, 2]


@pytest.mark.parametrize("score", ["margin", "average", "last", "neighbours"])
def test_samples_are_ordered_on_the_device_as_their_score_orders_them(score: str) -> None:
    record = recorder(score=score)
    record.record(INDEX, LABELS, outcome(FIRST), SECOND)
    record.record(INDEX, LABELS, outcome(SECOND), FIRST)
    order = record.order_by()
    assert order.device == CPU
    assert (
        order.argsort(stable=True).tolist()
        == np.argsort(record.collect_signals().score, kind="stable").tolist()
    )


@pytest.mark.parametrize(("decay", "counts"), [(None, True), (0.5, False)])
def test_networks_in_and_out_of_sample_are_averaged_over_the_same_passes(
    decay: float | None, *, counts: bool
) -> None:
    record = recorder(decay=decay, has_folds=True)
    record.weigh_pass([])
    record.record(INDEX, LABELS, replace(outcome(FIRST), in_sample_logits_BK=FIRST), SECOND)
    record.weigh_pass([0.5])
    record.record_last(INDEX, LABELS, SECOND, SECOND)
    scorer, in_sample = record.get_scorer_probabilities(), record.get_in_sample_probabilities()
    assert scorer is not None
    assert in_sample is not None
    np.testing.assert_allclose(in_sample, scorer, rtol=1e-6)
    assert counts == (not np.allclose(in_sample[[2, 0]], softmax(FIRST)))


def test_returned_signals_do_not_change_later() -> None:
    record = recorder()
    record.record(INDEX, LABELS, outcome(FIRST), SECOND)
    kept = record.collect_signals()
    copies = {name: getattr(kept, name).copy() for name in ("distance", "distance_last", "top_labels_N3")}
    record.record(INDEX, LABELS, outcome(SECOND), FIRST)
    assert all(np.array_equal(getattr(kept, name), copy) for name, copy in copies.items())


def test_without_a_decay_passes_weigh_by_the_eighth_power_of_the_agreement_before_them() -> None:
    record = recorder(decay=None)
    agreements: list[float] = []
    for logits, agreement in ((FIRST, 0.5), (SECOND, 0.6)):
        record.weigh_pass(agreements)
        record.record(INDEX, LABELS, outcome(logits), logits)
        agreements.append(agreement)
    record.weigh_pass(agreements)
    record.record_last(INDEX, LABELS, FIRST)
    # Before the first pass nothing is known: a quarter of four classes' labels agree by chance.
    weights = np.array([0.25**8, 0.5**8, 0.6**8]) / (0.25**8 + 0.5**8 + 0.6**8)
    expected = weights @ [1.0, -1.0, 1.0]  # the first sample's margins
    assert record.collect_signals().margin[2] == pytest.approx(expected, rel=1e-5)
    # The gradient's norm has no value in the last pass.
    assert record.collect_signals().predicted_gradient_norm[2] == pytest.approx(0.1, rel=1e-5)


def test_the_classifiers_probabilities_are_averaged_with_the_same_weights() -> None:
    record = recorder(decay=0.5)
    record.record(INDEX, LABELS, outcome(SECOND), FIRST)
    record.record(INDEX, LABELS, outcome(SECOND), SECOND)
    found = record.get_classifier_probabilities()
    assert found is not None
    np.testing.assert_allclose(found[[2, 0]], softmax(FIRST) / 3 + softmax(SECOND) * 2 / 3, rtol=1e-5)
    np.testing.assert_allclose(found[1], np.full(4, 0.25))
    # Half of them and half of the scoring network's: whoever has the most is suggested.
    expected = (softmax(FIRST) / 3 + softmax(SECOND) * 5 / 3) / 2
    mixed = record.collect_signals(classifier_share=0.5)
    assert mixed.top_labels_N3[0].tolist() == np.argsort(-expected[1])[:3].tolist()
    np.testing.assert_allclose(mixed.top_probabilities_N3[2], np.sort(expected[0])[::-1][:3], rtol=1e-5)


def test_a_lone_classifier_has_no_probabilities_that_saw_no_label() -> None:
    record = recorder(has_predictor=False)
    record.record(INDEX, LABELS, outcome(FIRST), FIRST)
    assert record.get_classifier_probabilities() is None
    assert record.collect_signals(classifier_share=1.0).top_labels_N3[2].tolist() == [0, 1, 2]
