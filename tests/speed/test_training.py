"""Counts of training that do not depend on the machine: waits for the device, and breaks in the graph."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models import compilation
from models.compilation import Compiled
from models.config import TrainingConfig, resolve
from models.learner import Learner
from models.progress import Progress
from models.training import train

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "unique", "equal")
"""Operators at which the processor must wait for a GPU: what they return depends on its memory."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def configuration(points: np.ndarray, **requested: object) -> TrainingConfig:
    chosen = {"method": "limit_l", "epochs": 3, "batch_size": 8, "precision": "fp32", **requested}
    return resolve(chosen, shape=points.shape[1:], sample_count=len(points), class_count=3, device="cpu")


class Waits(TorchDispatchMode):
    """Counts the operators of `WAITS`."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        function: Any,  # noqa: ANN401 - torch gives these no type
        types: object,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> object:
        name = function.overloadpacket.__name__
        if name in WAITS:
            self.counts[name] += 1
        return function(*arguments, **(named or {}))


def waits_of_epochs(samples: int) -> list[int]:
    """Return the waits of the second and later epochs of a training of this many samples."""
    points = np.random.default_rng(0).normal(size=(samples, 4)).astype(np.float32)
    at_end = []
    with Waits() as waits:

        def note(progress: Progress) -> None:
            if progress.finished:
                at_end.append(sum(waits.counts.values()))

        labels = np.arange(samples) % 3
        train(points, labels, class_count=3, config=configuration(points), on_progress=note)
    return np.diff(at_end).tolist()


def test_an_epoch_waits_for_the_device_a_few_times_however_many_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.progress.REPORT_INTERVAL_SECONDS", 1e9)  # reports in between wait once each
    short, long = waits_of_epochs(24), waits_of_epochs(96)
    assert short == long
    assert 0 < max(short) <= 8


def learner(config: TrainingConfig) -> Learner:
    cpu = torch.device("cpu")
    return Learner(config, channels=4, class_count=3, device=cpu, generator=torch.Generator())


def test_both_networks_of_a_step_are_one_graph_without_a_break() -> None:
    points = np.zeros((24, 4), dtype=np.float32)
    explained = torch._dynamo.explain(learner(configuration(points))._outputs)(torch.zeros(8, 4))  # noqa: SLF001
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)


def test_compiled_networks_train_to_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    # The graph is what a GPU's kernels are made from; only their making is left out here.
    monkeypatch.setattr(compilation, "BACKEND", "aot_eager")
    points = np.random.default_rng(1).normal(size=(24, 4)).astype(np.float32)
    labels = np.arange(24) % 3
    results = [
        train(points, labels, class_count=3, config=configuration(points, compiled=compiled))
        for compiled in (False, True)
    ]
    np.testing.assert_allclose(results[0].signals.distance, results[1].signals.distance, rtol=1e-4)


def test_where_kernels_cannot_be_made_the_function_itself_is_called() -> None:
    def no_compiler(*_: object) -> Callable[..., Any]:
        raise RuntimeError("no C compiler")

    doubled = Compiled(lambda values: values * 2, backend=no_compiler)
    assert doubled(torch.ones(2)).tolist() == [2.0, 2.0]
    assert doubled(torch.ones(3)).tolist() == [2.0, 2.0, 2.0]
