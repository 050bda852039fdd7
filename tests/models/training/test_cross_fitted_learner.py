"""Cross-fitted trainings: what each network is blind to, and that nothing else changes."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from models.catalogue.methods import METHODS
from models.configuration.training_config import TrainingConfig, resolve
from models.cross_fitting import folds
from models.cross_fitting.start_states import StartState
from models.paper.objectives.forward_correction import estimate_transition_matrix
from models.training import loop
from models.training.cross_fitted_learner import CrossFittedLearner, average_in_sample
from models.training.loop import train
from models.training.prediction import predict_probabilities
from models.training.progress import EpochRecord, Progress
from models.training.training_result import TrainingResult

Samples = tuple[np.ndarray, np.ndarray]
Configure = Callable[..., TrainingConfig]
pytestmark = pytest.mark.usefixtures("narrow_mlp")
ALONE = [name for name, method in METHODS.items() if not method.needs_parent]
FIXED = torch.arange(60) // 3 % 3
"""Folds of the blobs that do not depend on their labels."""


class Stopped(Exception):
    """Raised by a progress callback."""


@pytest.fixture
def fixed_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a label change without its fold."""
    monkeypatch.setattr(folds, "assign_folds", lambda *_, **__: FIXED)


def last_networks(
    points: np.ndarray,
    given: np.ndarray,
    config: TrainingConfig,
    initial: dict[str, torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    states: list[dict[str, torch.Tensor]] = []

    def remember(progress: Progress) -> None:
        if progress.stage == "scoring":
            states.append(progress.state()["learner"]["networks"])

    train(points, given, class_count=3, config=config, initial_state=initial, on_progress=remember)
    return states[-1]


def changed(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> set[int]:
    """Return which networks differ: 0 the classifier, 1 the scorer of fold 0, and so on."""
    return {int(name.split(".")[0]) for name in first if not torch.equal(first[name], second[name])}


@pytest.mark.usefixtures("fixed_folds")
@pytest.mark.parametrize("method", ["limit_c", "ce", "mae"])
def test_a_fold_leaves_no_trace_in_its_scorer(method: str, blobs: Samples, configure: Configure) -> None:
    # In LIMIT_G and LIMIT_L s(a) cancels but for rounding, and with beta above 0 it does not cancel.
    points, labels = blobs
    config = configure(points, 3, method=method, beta=0.0, folds=3, epochs=3)
    before = last_networks(points, labels, config)
    for position in (0, 4, 8):
        given = labels.copy()
        given[position] = (given[position] + 1) % 3
        after = last_networks(points, given, config)
        assert changed(before, after) == {0, 1, 2, 3} - {int(FIXED[position]) + 1}


@pytest.mark.usefixtures("fixed_folds")
def test_one_step_of_a_fold_does_not_move_the_classifier_by_its_own_labels(
    blobs: Samples, configure: Configure
) -> None:
    points, labels = blobs
    config = configure(points, 3, folds=3, epochs=1, batch_size=64, beta=1.0)
    before = last_networks(points, labels, config)
    given = labels.copy()
    given[0] = (given[0] + 1) % 3
    # In one step f descends on predictions made before any label was learned.
    assert changed(before, last_networks(points, given, config)) == {2, 3}


def test_a_blind_share_is_never_learned(
    blobs: Samples, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = torch.where(torch.arange(60) % 10 == 4, 0, folds.NOBODY)
    monkeypatch.setattr(folds, "assign_folds", lambda *_, **__: blind)
    points, labels = blobs
    for method in ("limit", "ce"):
        config = configure(points, 3, method=method, blind_fraction=0.1, epochs=3)
        before = last_networks(points, labels, config)
        given = labels.copy()
        given[14] = (given[14] + 1) % 3
        assert changed(before, last_networks(points, given, config)) == set(), "a blind label"
        given[15] = (given[15] + 1) % 3
        assert 0 in changed(before, last_networks(points, given, config)), "a label that is learned"


@pytest.mark.parametrize("method", ALONE)
def test_every_method_scores_out_of_sample(method: str, blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    given = labels.copy()
    wrong = [7, 20, 41]
    given[wrong] = (given[wrong] + 1) % 3
    config = configure(points, 3, method=method, folds=3, epochs=30)
    result = train(points, given, class_count=3, config=config)
    fitted = result.cross_fitted
    assert fitted is not None
    assert fitted.in_sample_probabilities_NK is not None
    np.testing.assert_allclose(fitted.probabilities_NK.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(fitted.in_sample_probabilities_NK.sum(1), 1, atol=1e-5)
    assert sorted(set(fitted.blind_N)) == [0, 1, 2]
    np.testing.assert_allclose(
        result.signals.given_label_probability, fitted.probabilities_NK[np.arange(60), given], atol=1e-5
    )
    if method == "soft_regularisation":
        return  # its predictor learns little from so few samples, with one fold as well
    assert set(np.argsort(-result.signals.distance)[:3]) == set(wrong)
    assert (fitted.probabilities_NK[wrong].argmax(1) == labels[wrong]).all()


def records(points: np.ndarray, given: np.ndarray, config: TrainingConfig) -> list[EpochRecord]:
    found: list[EpochRecord] = []

    def remember(progress: Progress) -> None:
        if progress.finished:
            found.append(progress.finished)

    train(points, given, class_count=3, config=config, on_progress=remember)
    return found


@pytest.mark.parametrize("chosen", [{"folds": 3}, {"blind_fraction": 0.3}])
def test_memorisation_is_what_is_known_in_sample_alone(
    chosen: dict[str, Any], blobs: Samples, configure: Configure
) -> None:
    # Labels by lot: whatever is known of them has been memorised.
    points = blobs[0]
    given = np.random.default_rng(0).integers(0, 3, 60)
    found = records(points, given, configure(points, 3, method="limit_c", beta=0.0, epochs=60, **chosen))
    last = found[-1].memorisation
    assert last is not None
    assert last.in_sample_agreement > 0.8
    assert last.out_of_sample_agreement < 0.6
    assert last.out_of_sample_loss > np.log(3) > last.in_sample_loss
    first = found[0].memorisation
    assert first is not None
    assert abs(first.in_sample_agreement - first.out_of_sample_agreement) < 0.25


def test_the_papers_training_measures_none(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    assert records(points, labels, configure(points, 3, epochs=1))[0].memorisation is None
    result = train(points, labels, class_count=3, config=configure(points, 3, epochs=1))
    assert result.cross_fitted is None


@pytest.fixture(scope="module")
def uninterrupted() -> dict[TrainingConfig, TrainingResult]:
    """Return the trainings without a stop that tests have made so far, by configuration."""
    return {}


@pytest.mark.parametrize("after_step", [1, 3, 4, 8, 12])
@pytest.mark.parametrize(
    "chosen",
    [
        {"method": "limit", "folds": 3, "sample_gradients": True, "validation_fraction": 0.1},
        {"method": "ce", "folds": 2, "dropout": 0.2},
        {"method": "limit_l", "blind_fraction": 0.2, "warm_up_epochs": 1},
    ],
)
def test_resumed_training_ends_with_the_same_bits(
    *,
    after_step: int,
    chosen: dict[str, Any],
    blobs: Samples,
    configure: Configure,
    uninterrupted: dict[TrainingConfig, TrainingResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.training.progress.REPORT_INTERVAL_SECONDS", 0.0)
    points, labels = blobs
    config = configure(points, 3, **chosen)
    states: list[dict[str, Any]] = []

    def stop(progress: Progress) -> None:
        if progress.step == after_step and progress.stage == "training":
            states.append(_saved_and_loaded(progress.state()))
            raise Stopped

    with pytest.raises(Stopped):
        train(points, labels, class_count=3, config=config, on_progress=stop)
    resumed = train(points, labels, class_count=3, config=config, resume=states[0])
    if config not in uninterrupted:
        uninterrupted[config] = train(points, labels, class_count=3, config=config)
    _assert_same(uninterrupted[config], resumed)


def _saved_and_loaded(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def _assert_same(first: TrainingResult, second: TrainingResult) -> None:
    assert np.array_equal(first.signals.margin, second.signals.margin)
    assert first.memorisation is not None
    assert first.memorisation == second.memorisation
    assert first.cross_fitted is not None
    assert second.cross_fitted is not None
    assert np.array_equal(first.cross_fitted.probabilities_NK, second.cross_fitted.probabilities_NK)
    for name, tensor in first.model_state.items():
        assert torch.equal(tensor, second.model_state[name]), name


def test_images_with_augmentation_and_held_out_samples(images: Samples, configure: Configure) -> None:
    pixels, labels = images
    chosen = {"network": "small_cnn", "augmentation": "flip_crop", "validation_fraction": 0.25}
    config = configure(pixels, 2, folds=2, epochs=2, **chosen)
    result = train(pixels, labels, class_count=2, config=config, feature_width=8)
    assert result.validation_accuracy is not None
    assert result.features_NW is not None
    assert result.features_NW.shape == (24, 8)
    assert np.isfinite(result.signals.margin).all()


def test_the_first_scorer_begins_as_the_papers_predictor(blobs: Samples, configure: Configure) -> None:
    config = configure(blobs[0], 3, folds=3)
    generator = torch.Generator()
    learner = CrossFittedLearner(
        config, channels=4, class_count=3, device=torch.device("cpu"), generator=generator
    )
    weights = [network.output.weight for network in (learner.classifier, *learner._scorers)]  # noqa: SLF001
    assert len(weights) == 4
    assert all(not torch.equal(weights[i], weights[j]) for i in range(4) for j in range(i))


def test_in_sample_probabilities_leave_the_blind_network_out() -> None:
    logits = [torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 2.0]])]
    expected = (logits[0].softmax(1) + logits[2].softmax(1)) / 2
    torch.testing.assert_close(average_in_sample(logits, logits[1]).softmax(1), expected)


STARTED = ["fw", "dmi", "limit_l"]


@pytest.mark.usefixtures("fixed_folds")
@pytest.mark.parametrize("method", STARTED)
def test_a_start_leaves_no_trace_of_a_fold_in_its_scorer(
    method: str, blobs: Samples, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stratified batches, like stratified folds, are dealt out by the labels.
    monkeypatch.setattr(loop, "stratify", lambda order, *_: order)
    points, labels = blobs

    def train_both(given: np.ndarray) -> dict[str, torch.Tensor]:
        parent = train(points, given, class_count=3, config=configure(points, 3, method="ce", folds=3))
        config = configure(points, 3, method=method, folds=3, beta=0.0)
        return last_networks(points, given, config, parent.start_state)

    before = train_both(labels)
    given = labels.copy()
    given[4] = (given[4] + 1) % 3
    after = train_both(given)
    scorer = int(FIXED[4]) + 1
    if method == "limit_l":  # s(a) cancels but for rounding
        names = [name for name in before if name.startswith(f"{scorer}.")]
        assert all(torch.allclose(before[name], after[name], atol=1e-5) for name in names)
        assert changed(before, after) >= {1, 2, 3} - {scorer}
    else:
        assert changed(before, after) == {0, 1, 2, 3} - {scorer}


@pytest.mark.parametrize("method", STARTED)
def test_cross_fitted_trainings_start_from_the_same_folds(
    method: str, blobs: Samples, configure: Configure
) -> None:
    points, labels = blobs
    given = labels.copy()
    wrong = [7, 20, 41]
    given[wrong] = (given[wrong] + 1) % 3
    parent = train(points, given, class_count=3, config=configure(points, 3, method="ce", folds=3, epochs=20))
    config = configure(points, 3, method=method, folds=3, epochs=10)
    states: list[dict[str, Any]] = []
    whole = train(
        points,
        given,
        class_count=3,
        config=config,
        initial_state=parent.start_state,
        on_progress=lambda progress: states.append(progress.state()),
    )
    assert set(np.argsort(-whole.signals.distance)[:3]) == set(wrong)
    resumed = train(points, given, class_count=3, config=config, resume=states[len(states) // 2])
    assert np.array_equal(whole.signals.distance, resumed.signals.distance)
    one = train(points, given, class_count=3, config=configure(points, 3, method="ce"))
    for state, words in [
        (one.start_state, "has learned labels that this training holds back"),
        ({**one.start_state, "held_back": parent.start_state["held_back"]}, "a training with 1 folds, not 3"),
    ]:
        with pytest.raises(ValueError, match=words):
            train(points, given, class_count=3, config=config, initial_state=state)
    # A training that holds no label back starts from the classifier, which has learned all labels.
    single = configure(points, 3, method=method)
    first, second = (
        train(points, given, class_count=3, config=single, initial_state=state)
        for state in (parent.start_state, parent.model_state)
    )
    assert np.array_equal(first.signals.distance, second.signals.distance)


def test_every_scorer_has_the_transitions_of_its_own_fold(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    parent = train(points, labels, class_count=3, config=configure(points, 3, method="ce", folds=3, epochs=6))
    states: list[dict[str, Any]] = []
    train(
        points,
        labels,
        class_count=3,
        config=configure(points, 3, method="fw", folds=3, epochs=1),
        initial_state=parent.start_state,
        on_progress=lambda progress: states.append(progress.state()),
    )
    transitions = states[0]["learner"]["transitions"]
    start = StartState.from_tensors(parent.start_state)
    assert start.blind_N is not None
    for scorer, state in enumerate(start.scorers):
        probabilities = predict_probabilities(
            points[start.blind_N == scorer],
            model_state=state,
            input_mean=parent.input_mean,
            input_deviation=parent.input_deviation,
            config=parent.config,
            class_count=3,
        )
        expected = estimate_transition_matrix(torch.from_numpy(probabilities))
        torch.testing.assert_close(transitions[scorer], expected, rtol=0, atol=1e-5)


def test_what_does_not_go_together_is_refused(blobs: Samples, configure: Configure) -> None:
    with pytest.raises(ValueError, match="blind_fraction needs folds = 1"):
        configure(blobs[0], 3, folds=2, blind_fraction=0.1)


@pytest.mark.parametrize(("samples", "classes", "held_out"), [(20, 10, 0.0), (20, 3, 0.9), (4, 2, 0.0)])
def test_few_samples_a_class_train_by_default_and_every_label_keeps_a_blind_network(
    samples: int, classes: int, held_out: float
) -> None:
    points = np.random.default_rng(0).normal(size=(samples, 4)).astype(np.float32)
    labels = np.arange(samples) % classes
    asked = {"epochs": 3, "validation_fraction": held_out, "precision": "fp32"}
    config = resolve(asked, shape=(4,), sample_count=samples, class_count=classes, device="cpu")
    result = train(points, labels, class_count=classes, config=config)
    assert config.folds == 4
    assert result.cross_fitted is not None
    np.testing.assert_allclose(result.cross_fitted.probabilities_NK.sum(1), 1, rtol=1e-5)
    assert all(np.isfinite(value).all() for value in vars(result.signals).values())
    for label in range(classes):
        blind = result.cross_fitted.blind_N[labels == label]
        assert len(set(blind)) >= min(len(blind), 2), "each is scored by a network that learns the other"
