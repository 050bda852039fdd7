"""The paper's protocol: parent runs, early stopping, the best model on held-out labels, test predictions."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from models.catalogue.methods import METHODS
from models.configuration.training_config import TrainingConfig
from models.paper import information
from models.paper.objectives.forward_correction import estimate_transition_matrix
from models.stopping.selection import Selection
from models.training import loop
from models.training.loop import train
from models.training.prediction import predict_probabilities
from models.training.progress import EpochRecord, Progress
from models.training.signals import Signals
from models.training.training_result import TrainingResult

Samples = tuple[np.ndarray, np.ndarray]
Configure = Callable[..., TrainingConfig]
pytestmark = pytest.mark.usefixtures("narrow_mlp")


def predicted(result: TrainingResult, inputs: np.ndarray, class_count: int) -> np.ndarray:
    return predict_probabilities(
        inputs,
        model_state=result.model_state,
        input_mean=result.input_mean,
        input_deviation=result.input_deviation,
        config=result.config,
        class_count=class_count,
    )


@pytest.fixture
def parent(blobs: Samples, configure: Configure) -> TrainingResult:
    points, labels = blobs
    return train(points, labels, class_count=3, config=configure(points, 3, method="ce", epochs=6))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_clear_clusters(
    method: str, blobs: Samples, parent: TrainingResult, configure: Configure
) -> None:
    points, labels = blobs
    config = configure(points, 3, method=method, beta=0.1, epochs=15, dropout=0.1, weight_decay=1e-4)
    initial = parent.model_state if METHODS[method].needs_parent else None
    result = train(points, labels, class_count=3, config=config, initial_state=initial)
    assert (predicted(result, points, 3).argmax(1) == labels).mean() > 0.95
    assert np.isfinite(result.signals.distance).all()


@pytest.mark.parametrize("method", [each.name for each in METHODS.values() if each.needs_parent])
def test_methods_that_start_from_a_parent_are_refused_without(
    method: str, blobs: Samples, configure: Configure
) -> None:
    with pytest.raises(ValueError, match=f"'{method}' needs an initial_state"):
        train(*blobs, class_count=3, config=configure(blobs[0], 3, method=method))


def test_the_transition_matrix_comes_from_the_parent_over_the_samples_trained_on(
    blobs: Samples, parent: TrainingResult, configure: Configure
) -> None:
    points, labels = blobs
    config = configure(points, 3, method="fw", epochs=1)
    result = train(points, labels, class_count=3, config=config, initial_state=parent.model_state)
    expected = estimate_transition_matrix(torch.from_numpy(predicted(parent, points, 3)))
    assert result.transition_KK is not None
    np.testing.assert_allclose(result.transition_KK, expected, atol=1e-6)
    assert parent.transition_KK is None


@pytest.mark.parametrize("method", ["fw", "dmi", "soft_regularisation", "ce_ln"])
def test_resumed_training_ends_with_the_same_bits(
    method: str, blobs: Samples, parent: TrainingResult, configure: Configure
) -> None:
    points, labels = blobs
    config = configure(points, 3, method=method, epochs=3, dropout=0.3, validation_fraction=0.2, patience=9)
    initial = parent.model_state if METHODS[method].needs_parent else None
    states: list[dict[str, Any]] = []

    def remember(progress: Progress) -> None:
        if progress.finished:
            states.append(progress.state())

    whole = train(points, labels, class_count=3, config=config, initial_state=initial, on_progress=remember)
    resumed = train(points, labels, class_count=3, config=config, resume=states[0])
    for field in fields(Signals):
        assert np.array_equal(getattr(whole.signals, field.name), getattr(resumed.signals, field.name))
    assert all(torch.equal(value, resumed.model_state[name]) for name, value in whole.model_state.items())


def test_training_ends_when_patience_does(
    blobs: Samples, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, labels = blobs
    accuracies = iter([0.2, 0.5, 0.4, 0.6, 0.6, 0.1, 0.3, 0.9])
    monkeypatch.setattr(loop._Training, "_validate", lambda _: next(accuracies))  # noqa: SLF001
    config = configure(points, 3, epochs=8, validation_fraction=0.25, patience=3)
    seen: list[Progress] = []
    result = train(points, labels, class_count=3, config=config, on_progress=seen.append)
    # Best after epoch 4 (the tie in epoch 5 is no improvement), so epoch 7 is the last.
    assert (result.epochs, result.validation_accuracy) == (7, 0.6)
    assert (seen[-1].stage, seen[-1].epoch) == ("scoring", 7)
    assert [progress.finished.epoch for progress in seen if progress.finished] == [1, 2, 3, 4, 5, 6, 7]


def test_a_training_that_stopped_early_does_not_go_on_when_resumed(
    blobs: Samples, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, labels = blobs
    monkeypatch.setattr(loop._Training, "_validate", lambda _: 0.5)  # noqa: SLF001
    config = configure(points, 3, epochs=8, validation_fraction=0.25, patience=2)
    states: list[dict[str, Any]] = []
    train(points, labels, class_count=3, config=config, on_progress=lambda at: states.append(at.state()))
    assert train(points, labels, class_count=3, config=config, resume=states[-1]).epochs == 3


def test_patience_is_not_spent_in_warm_up() -> None:
    selection = Selection(patience=2, warm_up_epochs=5)
    selection.offer(epoch=1, accuracy=0.9, state=dict)
    assert [selection.is_over(epoch) for epoch in (3, 5, 6, 7)] == [False, False, False, True]


def test_without_patience_training_never_ends_early() -> None:
    selection = Selection(patience=0, warm_up_epochs=0)
    selection.offer(epoch=1, accuracy=0.9, state=dict)
    assert not selection.is_over(1_000)


def test_predictions_are_those_of_the_classifier_at_that_moment(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    states = []

    def remember(progress: Progress) -> None:
        if progress.finished:
            states.append(progress.model_state())

    config = configure(points, 3, method="ce", epochs=2)
    result = train(points, labels, class_count=3, config=config, on_progress=remember)
    assert all(torch.equal(states[-1][name], value) for name, value in result.model_state.items())
    assert not all(torch.equal(states[0][name], value) for name, value in result.model_state.items())
    probabilities = predicted(result, points, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, rtol=1e-5)
    # "ce" scores by its classifier, so the last distance is that of the prediction.
    distance = np.linalg.norm(np.eye(3)[labels] - probabilities, axis=1)
    np.testing.assert_allclose(distance, result.signals.distance_last, atol=1e-6)


def test_images_are_predicted_in_their_order_and_one_by_one(images: Samples, configure: Configure) -> None:
    pixels, labels = images
    result = train(pixels, labels, class_count=2, config=configure(pixels, 2, method="ce", epochs=2))
    whole = predicted(result, pixels, 2)
    single = np.concatenate([predicted(result, pixels[at : at + 2], 2) for at in range(0, 24, 2)])
    np.testing.assert_allclose(whole, single, atol=1e-6)


def test_epochs_report_the_mean_square_of_the_gradient_norm(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    records: list[EpochRecord] = []

    def remember(progress: Progress) -> None:
        if progress.finished:
            records.append(progress.finished)

    config = configure(points, 3, epochs=1, signal_decay=0.0)
    result = train(points, labels, class_count=3, config=config, on_progress=remember)
    norm = result.signals.predicted_gradient_norm.astype(np.float64)
    assert records[0].squared_gradient_norm == pytest.approx((norm**2).mean(), rel=1e-5)
    bits = information.bound_gradient_information(
        squared_norm=records[0].squared_gradient_norm, dimension=3, noise_variance=0.01
    )
    assert bits > 0
