import io
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.configuration.training_config import TrainingConfig
from models.inputs import batches
from models.training.learning_rate import compute_learning_rate
from models.training.loop import train
from models.training.progress import Progress
from models.training.signals import Signals
from models.training.training_result import TrainingResult

Samples = tuple[np.ndarray, np.ndarray]
Configure = Callable[..., TrainingConfig]
pytestmark = pytest.mark.usefixtures("narrow_mlp")


class Stopped(Exception):
    """Raised by a progress callback."""


def assert_same(first: TrainingResult, second: TrainingResult) -> None:
    for field in fields(Signals):
        ours, theirs = getattr(first.signals, field.name), getattr(second.signals, field.name)
        assert np.array_equal(ours, theirs), field.name
    assert all(torch.equal(tensor, second.model_state[name]) for name, tensor in first.model_state.items())


def saved_and_loaded(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.parametrize("method", ["limit", "limit_g", "limit_l"])
def test_wrong_labels_of_clear_clusters_come_first(method: str, blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    given = labels.copy()
    wrong = [7, 20, 41]
    given[wrong] = (given[wrong] + 1) % 3
    config = configure(points, 3, method=method, epochs=20, learning_rate=0.01)
    result = train(points, given, class_count=3, config=config)
    assert set(np.argsort(-result.signals.distance)[:3]) == set(wrong)
    assert (result.signals.top_labels_N3[wrong, 0] == labels[wrong]).all()
    assert (result.signals.margin[wrong] < 0).all()


def test_limit_turns_to_laplace_gradients_once_the_classifier_has_settled(
    blobs: Samples, configure: Configure
) -> None:
    # Of 60 points in three far clusters a third is mislabelled: soon there is nothing left but to memorise.
    points, labels = blobs
    given = np.where(np.arange(60) % 10 < 3, (labels + 1) % 3, labels)
    config = configure(points, 3, method="limit", epochs=40, beta=0.0, learning_rate=0.01)
    states: list[bool] = []

    def remember(progress: Progress) -> None:
        if progress.finished:
            states.append(progress.state()["learner"]["stage"] == "memorising")

    train(points, given, class_count=3, config=config, on_progress=remember)
    assert states == sorted(states)
    assert not any(states[:11])
    assert states[-1]


def test_cross_entropy_trains_one_network_and_judges_by_it(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    seen: list[Progress] = []
    config = configure(points, 3, method="ce", epochs=8, signal_decay=0.0)
    result = train(points, labels, class_count=3, config=config, on_progress=seen.append)
    record = [progress.finished for progress in seen if progress.finished][-1]
    assert record.predictor_loss is None
    assert record.predictor_accuracy is None
    assert record.predictor_predictions_N is None
    assert record.accuracy > 0.95
    assert np.array_equal(record.classifier_predictions_N, result.signals.top_labels_N3[:, 0])
    # ||g|| of cross-entropy is the distance itself.
    np.testing.assert_allclose(result.signals.predicted_gradient_norm, result.signals.distance_average)


def test_training_is_a_function_of_its_seed(images: Samples, configure: Configure) -> None:
    pixels, labels = images
    config = configure(pixels, 2, sample_gradients=True, epochs=2)
    first = train(pixels, labels, class_count=2, config=config)
    assert_same(first, train(pixels, labels, class_count=2, config=config))
    other = train(pixels, labels, class_count=2, config=replace(config, seed=6))
    assert not np.array_equal(first.signals.distance, other.signals.distance)


@pytest.fixture(scope="module")
def uninterrupted() -> dict[TrainingConfig, TrainingResult]:
    """Return the trainings without a stop that tests have made so far, by configuration."""
    return {}


@pytest.mark.parametrize("after_step", [1, 3, 4, 5, 8, 12])
@pytest.mark.parametrize("method", ["limit", "limit_l", "ce"])
def test_resumed_training_ends_with_the_same_bits(
    *,
    after_step: int,
    method: str,
    blobs: Samples,
    configure: Configure,
    uninterrupted: dict[TrainingConfig, TrainingResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 60 samples in batches of 16 are 4 steps an epoch, so some of these stops lie amid an epoch.
    monkeypatch.setattr("models.training.progress.REPORT_INTERVAL_SECONDS", 0.0)
    points, labels = blobs
    config = configure(points, 3, method=method, sample_gradients=True, validation_fraction=0.1)
    states: list[dict[str, Any]] = []

    def stop(progress: Progress) -> None:
        if progress.step == after_step and progress.stage == "training":
            states.append(saved_and_loaded(progress.state()))
            raise Stopped

    with pytest.raises(Stopped):
        train(points, labels, class_count=3, config=config, on_progress=stop)
    resumed = train(points, labels, class_count=3, config=config, resume=states[0])
    if config not in uninterrupted:
        uninterrupted[config] = train(points, labels, class_count=3, config=config)
    assert_same(uninterrupted[config], resumed)


def test_resume_continues_augmentation_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch, configure: Configure
) -> None:
    monkeypatch.setattr("models.training.progress.REPORT_INTERVAL_SECONDS", 0.0)
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 255, (12, 16, 16, 3)).astype(np.uint8), np.arange(12) % 2
    config = configure(
        pixels, 2, network="small_cnn", augmentation="flip_crop", input_size=16, batch_size=4, epochs=2
    )
    states: list[dict[str, Any]] = []

    def remember(progress: Progress) -> None:
        if progress.step == 2:
            states.append(progress.state())

    whole = train(pixels, labels, class_count=2, config=config, on_progress=remember)
    assert_same(whole, train(pixels, labels, class_count=2, config=config, resume=states[0]))


def test_state_of_another_training_is_refused(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    states: list[dict[str, Any]] = []
    config = configure(points, 3, epochs=1)
    train(points, labels, class_count=3, config=config, on_progress=lambda p: states.append(p.state()))
    with pytest.raises(ValueError, match="another configuration or dataset"):
        train(points, labels, class_count=3, config=replace(config, beta=9.0), resume=states[0])
    with pytest.raises(ValueError, match="another configuration or dataset"):
        train(points[:59], labels[:59], class_count=3, config=config, resume=states[0])


def last_networks(
    samples: Samples, config: TrainingConfig, initial: dict[str, torch.Tensor] | None
) -> dict[str, torch.Tensor]:
    """Return all networks after a training."""
    states: list[dict[str, Any]] = []

    def remember(progress: Progress) -> None:
        states.append(progress.state()["learner"]["networks"])

    train(*samples, class_count=3, config=config, initial_state=initial, on_progress=remember)
    return states[-1]


def list_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if "running" not in name and "batches" not in name}


@pytest.mark.parametrize(("method", "place"), [("limit_l", 1), ("limit", 1), ("mae", 0)])
def test_initial_state_is_where_the_network_starts_that_is_fitted_to_the_labels(
    method: str, place: int, blobs: Samples, configure: Configure
) -> None:
    points, labels = blobs
    parent = train(points, labels, class_count=3, config=configure(points, 3, method="ce"))
    # A single step with nearly no learning rate: the weights are those of the start.
    config = configure(points, 3, method=method, epochs=1, batch_size=64, learning_rate=1e-12)
    started = last_networks(blobs, config, parent.model_state)
    plain = last_networks(blobs, config, None)
    for name, value in list_weights(parent.model_state).items():
        torch.testing.assert_close(started[f"{place}.{name}"], value, rtol=0, atol=1e-9)
    first = f"{place}.trunk.0.weight"
    assert not torch.allclose(started[first], plain[first], atol=1e-3)
    others = [name for name in list_weights(plain) if not name.startswith(f"{place}.")]
    assert all(torch.allclose(started[name], plain[name], atol=1e-9) for name in others)  # untouched
    assert bool(others) == (place == 1)


def test_a_predictor_with_a_layer_more_takes_a_classifiers_state(
    images: Samples, configure: Configure
) -> None:
    pixels, labels = images
    options = {"network": "mnist_cnn", "input_size": 28, "epochs": 1}
    parent = train(pixels, labels, class_count=2, config=configure(pixels, 2, method="ce", **options))
    config = configure(pixels, 2, method="limit_l", **options)
    result = train(pixels, labels, class_count=2, config=config, initial_state=parent.model_state)
    assert np.isfinite(result.signals.distance).all()


def test_initial_state_of_another_network_is_refused(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    with pytest.raises(ValueError, match="initial state is not of this network"):
        train(
            points,
            labels,
            class_count=3,
            config=configure(points, 3),
            initial_state={"0.weight": torch.zeros(1)},
        )


@pytest.mark.parametrize("count", [2, 3, 17, 33])
def test_a_last_batch_is_never_a_single_sample(count: int, blobs: Samples, configure: Configure) -> None:
    points, labels = blobs[0][:count], blobs[1][:count]
    signals = train(points, labels, class_count=3, config=configure(points, 3, epochs=1)).signals
    assert np.isfinite(signals.distance).all()
    assert len(signals.distance) == count


def test_two_classes_pad_the_third_place(images: Samples, configure: Configure) -> None:
    pixels, labels = images
    signals = train(pixels, labels, class_count=2, config=configure(pixels, 2, epochs=1)).signals
    assert (signals.top_labels_N3[:, 2] == -1).all()
    assert (signals.top_probabilities_N3[:, 2] == 0).all()
    assert (np.sort(signals.top_labels_N3[:, :2], axis=1) == [0, 1]).all()
    np.testing.assert_allclose(signals.top_probabilities_N3.sum(1), 1, rtol=1e-5)


def test_rare_and_absent_classes_do_not_matter(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    given = labels.copy()
    given[0] = 8  # a class of one; 3 .. 7 and 9 have no member
    signals = train(points, given, class_count=10, config=configure(points, 10)).signals
    assert np.isfinite(signals.distance).all()
    assert signals.top_labels_N3.max() < 10


def test_memory_mapped_and_streamed_samples_give_the_same_bits(
    images: Samples, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, labels = images
    config = configure(pixels, 2, epochs=2)
    resident = train(pixels, labels, class_count=2, config=config)
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    assert_same(resident, train(mapped, labels, class_count=2, config=config))
    monkeypatch.setattr(batches, "limit_resident_bytes", lambda _: 0)
    assert_same(resident, train(mapped, labels, class_count=2, config=config))


def test_epochs_report_what_happened_in_them(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    seen: list[Progress] = []
    config = configure(points, 3, epochs=4)
    result = train(points, labels, class_count=3, config=config, on_progress=seen.append)
    records = [progress.finished for progress in seen if progress.finished]
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    for record in records:
        assert record.accuracy == (record.classifier_predictions_N == labels).mean()
        assert record.predictor_predictions_N is not None
        assert record.predictor_accuracy == (record.predictor_predictions_N == labels).mean()
        assert record.validation_accuracy is None
        assert record.classifier_predictions_N.dtype == np.int64
    assert records[-1].classifier_loss < records[0].classifier_loss
    assert (seen[-1].stage, seen[-1].step, seen[-1].steps, seen[-1].eta_seconds) == ("scoring", 1, 1, 0.0)
    training = [progress for progress in seen if progress.stage == "training"]
    assert (training[-1].step, training[-1].steps) == (16, 16)
    assert result.samples_per_second > 0


def test_provisional_signals_say_what_has_not_been_seen(
    blobs: Samples, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.progress.REPORT_INTERVAL_SECONDS", 0.0)
    points, labels = blobs
    provisional: list[Signals] = []
    train(
        points,
        labels,
        class_count=3,
        config=configure(points, 3, epochs=1),
        on_progress=lambda progress: provisional.append(progress.signals()),
    )
    unseen = provisional[0].top_labels_N3[:, 0] == -1
    assert unseen.sum() == 45  # after one step of 15
    assert (provisional[0].distance[unseen] == 0).all()
    assert (provisional[0].distance[~unseen] > 0).all()


def test_reports_are_throttled(blobs: Samples, configure: Configure) -> None:
    seen: list[Progress] = []
    train(
        *blobs, class_count=3, config=configure(blobs[0], 3, epochs=2, batch_size=2), on_progress=seen.append
    )
    between = [progress for progress in seen if progress.finished is None and progress.stage == "training"]
    assert len(between) < 30  # of 60 steps, which take well under a second


def test_held_out_samples_choose_the_model_and_are_never_trained_on(
    blobs: Samples, configure: Configure
) -> None:
    points, labels = blobs
    config = configure(points, 3, validation_fraction=0.25, epochs=4)
    records = []
    states = []

    def remember(progress: Progress) -> None:
        if progress.finished:
            records.append(progress.finished)
            states.append(progress.state())

    result = train(points, labels, class_count=3, config=config, on_progress=remember)
    accuracies = [record.validation_accuracy or 0.0 for record in records]
    best = int(np.argmax(accuracies))
    expected = states[best]["learner"]["networks"]
    assert all(torch.equal(expected[f"0.{name}"], tensor) for name, tensor in result.model_state.items())
    assert np.isfinite(result.signals.distance).all()
    assert (result.signals.top_labels_N3[:, 0] >= 0).all()


def test_held_out_labels_leave_no_trace_in_the_networks(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    config = configure(points, 3, validation_fraction=0.25, epochs=2)
    last: list[dict[str, Any]] = []

    def remember(progress: Progress) -> None:
        if progress.stage == "scoring":
            last.append(progress.state()["learner"]["networks"])

    train(points, labels, class_count=3, config=config, on_progress=remember)
    changes = 0
    for position in range(12):
        given = labels.copy()
        given[position] = (given[position] + 1) % 3
        train(points, given, class_count=3, config=config, on_progress=remember)
        changes += not all(torch.equal(last[0][name], last[-1][name]) for name in last[0])
    assert 5 <= changes < 12  # about a quarter of the twelve is held out


def test_a_loss_that_is_not_finite_stops_the_training(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    poisoned = {"method": "ce", "epochs": 1}
    initial = train(points, labels, class_count=3, config=configure(points, 3, **poisoned)).model_state
    initial = {
        name: tensor * float("nan") if tensor.is_floating_point() else tensor
        for name, tensor in initial.items()
    }
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        train(points, labels, class_count=3, config=configure(points, 3, **poisoned), initial_state=initial)


@pytest.mark.parametrize(
    ("inputs", "labels", "class_count", "message"),
    [
        (np.zeros((4, 3), np.float16), np.zeros(4, int), 2, "not float16"),
        (np.zeros((4, 3), np.float32), np.zeros(5, int), 2, "4 samples need 4 integer labels"),
        (np.zeros((4, 3), np.float32), np.zeros(4), 2, "integer labels, not float64"),
        (np.zeros((4, 3), np.float32), np.full(4, 2), 2, r"Labels must be in 0 \.\. 1, not 2"),
        (np.zeros((4, 3), np.float32), np.full(4, -1), 2, "not -1"),
        (np.zeros((4, 3), np.float32), np.zeros(4, int), 1, "2 samples and 2 classes"),
        (np.zeros((1, 3), np.float32), np.zeros(1, int), 2, "2 samples and 2 classes"),
    ],
)
def test_samples_that_cannot_be_trained_on_are_refused(
    inputs: np.ndarray, labels: np.ndarray, class_count: int, message: str, configure: Configure
) -> None:
    config = configure(np.zeros((4, 3), np.float32), 3)
    with pytest.raises(ValueError, match=message):
        train(inputs, labels, class_count=class_count, config=config)


def test_holding_out_must_leave_two_samples(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs[0][:3], blobs[1][:3]
    with pytest.raises(ValueError, match="Holding out 2 of 3 samples"):
        train(points, labels, class_count=3, config=configure(points, 3, validation_fraction=0.5))


def test_one_cycle_rises_to_the_peak_and_falls_to_nearly_nothing(
    blobs: Samples, configure: Configure
) -> None:
    config = configure(blobs[0], 3, schedule="one_cycle", learning_rate=1.0)
    rates = [compute_learning_rate(config, step=step, steps=101) for step in range(101)]
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[-1] == pytest.approx(0.001)
    peak = int(np.argmax(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    constant = replace(config, schedule="constant")
    assert {compute_learning_rate(constant, step=step, steps=9) for step in range(9)} == {1.0}


@pytest.mark.parametrize("network", ["resnet34_cifar", "resnet50"])
def test_large_networks_take_a_step(network: str, configure: Configure) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 18, 18, 3)).astype(np.uint8)
    config = configure(
        pixels, 2, network=network, input_size=16, augmentation="resize_crop_flip", epochs=1, batch_size=4
    )
    signals = train(pixels, np.arange(4) % 2, class_count=2, config=config).signals
    assert np.isfinite(signals.distance).all()
