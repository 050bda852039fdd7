"""Steps replayed as CUDA graphs; what needs a GPU runs where there is one."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace as changed
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.acceleration import cuda_graphs
from models.acceleration.cuda_graphs import EAGER_STEPS, StepGraphs, can_replay
from models.configuration.training_config import TrainingConfig, resolve
from models.training import learner
from models.training.loop import train
from models.training.progress import Progress
from models.training.training_result import TrainingResult

CLASSES, SAMPLES = 3, 350
CPU, GPU = torch.device("cpu"), torch.device("cuda")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA graph needs a GPU")


def _config(**requested: object) -> TrainingConfig:
    asked = {
        "network": "mnist_cnn",
        "batch_size": 64,
        "epochs": 4,
        "precision": "fp32",
        "folds": 1,
        **requested,
    }
    return resolve(asked, shape=(28, 28, 1), sample_count=SAMPLES, class_count=CLASSES, device="cpu")


def test_only_what_is_the_same_every_time_is_replayed() -> None:
    config = _config(method="limit")
    assert can_replay(config, GPU)
    assert not can_replay(config, CPU)
    assert not can_replay(changed(config, sample_gradients=True), GPU), "draws gradients"
    assert not can_replay(changed(config, dropout=0.1), GPU), "draws units"
    assert not can_replay(changed(config, method="ce_gn"), GPU), "draws noise"
    assert not can_replay(changed(config, method="dmi"), GPU), "a determinant waits for the device"


class _Graph:
    """Stands for a recording: counts its replays."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[_Graph]:
    """Have CUDA's part done by stand-ins; return the graphs as they are made."""
    made: list[_Graph] = []

    def make_graph() -> _Graph:
        made.append(_Graph())
        return made[-1]

    stream = SimpleNamespace(wait_stream=lambda _: None)
    cuda = SimpleNamespace(
        Stream=lambda _: stream,
        current_stream=lambda _: stream,
        stream=nullcontext,
        graph_pool_handle=lambda: None,
        CUDAGraph=make_graph,
        graph=lambda *_, **__: nullcontext(),
    )
    monkeypatch.setattr(cuda_graphs, "torch", SimpleNamespace(cuda=cuda))
    return made


def test_each_size_is_recorded_by_itself_after_some_steps(recordings: list[_Graph]) -> None:
    done: list[tuple[int, bool]] = []

    def step(inputs: Tensor, labels_B: Tensor, trains_classifier: bool) -> Any:  # noqa: ANN401, FBT001
        done.append((len(labels_B), trains_classifier))
        return inputs, labels_B

    replayed = StepGraphs(CPU)
    for number in range(2 * (EAGER_STEPS + 2)):
        size = 5 + number % 2
        batch = torch.full((size, 2), float(number)), torch.full((size,), number)
        said = replayed.do(step, *batch, True)  # noqa: FBT003
        assert isinstance(said[0], torch.Tensor)
        assert torch.equal(said[0], batch[0]), "a recording reads what this batch holds"
    assert [graph.replays for graph in recordings] == [2, 2]
    assert len(done) == 2 * (EAGER_STEPS + 1), "eager steps, and one of each size to record it"
    replayed.do(step, *batch, False)  # noqa: FBT003
    assert done[-1] == (6, False), "another step than the recorded"
    replayed.forget()
    replayed.do(step, *batch, True)  # noqa: FBT003
    assert done[-1] == (6, True), "nothing recorded is left"


class _Watched:
    """A progress callback that keeps every epoch's figures, and the state after one of them."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.state: dict[str, Any] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.finished is None:
            return
        self.losses += [progress.finished.classifier_loss, progress.finished.predictor_loss or 0.0]
        if progress.finished.epoch == 2:
            self.state = progress.state()


def _trained(
    config: TrainingConfig,
    **options: Any,  # noqa: ANN401
) -> tuple[TrainingResult, Sequence[float], dict[str, Any]]:
    random = np.random.default_rng(0)
    labels_N = random.integers(0, CLASSES, SAMPLES)
    images = random.integers(0, 100, (SAMPLES, 28, 28, 1), dtype=np.uint8)
    images[np.arange(SAMPLES), 5 + 6 * labels_N, 5:20] = 255
    watched = _Watched()
    result = train(
        images, labels_N, class_count=CLASSES, config=config, device="cuda", on_progress=watched, **options
    )
    return result, watched.losses, watched.state


@needs_gpu
@pytest.mark.parametrize("method", ["limit", "limit_l", "ce", "mae"])
def test_a_replayed_training_is_the_same_training(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """350 samples make six batches of 58 and 59: two recordings, in turns, through four epochs."""
    config = _config(method=method)
    replayed, losses, _ = _trained(config)
    monkeypatch.setattr(learner, "can_replay", lambda *_: False)
    eager, expected, _ = _trained(config)
    assert losses == pytest.approx(expected, rel=0.02)
    assert replayed.signals.distance_average == pytest.approx(eager.signals.distance_average, abs=0.05)


@needs_gpu
def test_compiled_networks_are_replayed_too() -> None:
    compiled, losses, _ = _trained(_config(method="limit", compiled=True))
    plain, expected, _ = _trained(_config(method="limit"))
    assert losses == pytest.approx(expected, rel=0.02)
    assert compiled.signals.distance_average == pytest.approx(plain.signals.distance_average, abs=0.05)


@needs_gpu
def test_a_resumed_training_records_anew() -> None:
    config = _config(method="limit_g")
    whole, losses, state = _trained(config)
    rates = [group["lr"] for group in state["learner"]["optimiser"]["param_groups"]]
    assert all(isinstance(rate, float) for rate in rates), "a state is for any device"
    resumed, later, _ = _trained(config, resume=state)
    assert later == pytest.approx(losses[-len(later) :], rel=0.02)
    assert resumed.epochs == whole.epochs
