"""Counts of training that do not depend on the machine: waits for the device, and breaks in the graph."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.registry import lookup_backend
from torch.utils._python_dispatch import TorchDispatchMode

from models.acceleration import compiled_kernels
from models.acceleration.compiled_kernels import CompiledForward
from models.configuration.training_config import TrainingConfig, resolve
from models.training.learner import Learner
from models.training.loop import train
from models.training.progress import Progress

CPU = torch.device("cpu")
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "unique", "equal")
"""Operators at which the processor must wait for a GPU: what they return depends on its memory."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def configuration(points: np.ndarray, **requested: object) -> TrainingConfig:
    chosen = {"method": "limit_l", "epochs": 3, "batch_size": 8, "precision": "fp32", "folds": 1}
    return resolve(
        chosen | requested, shape=points.shape[1:], sample_count=len(points), class_count=3, device="cpu"
    )


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
    counts: list[int] = np.diff(at_end).tolist()
    return counts


def test_an_epoch_waits_for_the_device_a_few_times_however_many_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "models.training.progress.REPORT_INTERVAL_SECONDS", 1e9
    )  # reports in between wait once each
    short, long = waits_of_epochs(24), waits_of_epochs(96)
    assert short == long
    assert 0 < max(short) <= 8


class Compiler:
    """The compiler without the last part, the making of kernels; keeps every graph that it is given."""

    def __init__(self) -> None:
        self.graphs: list[torch.fx.GraphModule] = []

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        self.graphs.append(graph)
        return lookup_backend("aot_eager")(graph, inputs)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    compiler = Compiler()
    monkeypatch.setattr(compiled_kernels, "BACKEND", compiler)
    compiled_kernels.can_compile.cache_clear()
    torch.compiler.reset()
    yield compiler
    compiled_kernels.can_compile.cache_clear()
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # the compiler asks every input for one
def test_blocks_of_one_shape_share_their_kernels_in_both_networks(compiler: Compiler) -> None:
    config = resolve(
        {"network": "resnet34_cifar", "precision": "fp32", "compiled": True},
        shape=(32, 32, 3),
        sample_count=24,
        class_count=3,
        device="cpu",
    )
    generator = torch.Generator()
    learner = Learner(config, channels=3, class_count=3, device=CPU, generator=generator)
    tried = len(compiler.graphs)
    inputs_B, labels_B = torch.randn(2, 3, 8, 8), torch.tensor([0, 1])
    learner.step(inputs_B, labels_B, rate=1e-3, trains_classifier=True)
    shapes = 8  # the stem, one block in the first stage, two in each other: the first block halves the sides
    assert len(compiler.graphs) - tried == shapes, "one graph each, none broken in two"
    learner.score_batch(inputs_B, labels_B)
    learner.step(inputs_B, labels_B, rate=1e-3, trains_classifier=True)
    assert len(compiler.graphs) - tried == shapes


def test_compiled_networks_train_to_the_same_numbers(compiler: Compiler) -> None:
    points = np.random.default_rng(1).normal(size=(24, 4)).astype(np.float32)
    labels = np.arange(24) % 3
    plain = train(points, labels, class_count=3, config=configuration(points))
    assert not compiler.graphs
    compiled = train(points, labels, class_count=3, config=configuration(points, compiled=True))
    assert len(compiler.graphs) > 1, "the trial and the networks"
    np.testing.assert_allclose(plain.signals.distance, compiled.signals.distance, rtol=1e-4)


def _no_compiler(*_: object) -> Callable[..., Any]:
    raise RuntimeError("no C compiler")


def test_where_no_kernels_can_be_made_networks_stay_as_they_are(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiled_kernels, "BACKEND", _no_compiler)
    points = np.random.default_rng(1).normal(size=(24, 4)).astype(np.float32)
    config = configuration(points, compiled=True)
    result = train(points, np.arange(24) % 3, class_count=3, config=config)
    assert np.isfinite(result.signals.distance).all()
    assert not compiler.graphs
    assert "no C compiler" in caplog.text


def test_a_module_whose_kernels_cannot_be_made_is_called_as_it_is(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compiled_kernels.can_compile(CPU)
    monkeypatch.setattr(compiled_kernels, "BACKEND", _no_compiler)
    doubled = CompiledForward(torch.nn.PReLU(init=2.0))
    assert doubled(-torch.ones(2)).tolist() == [-2.0, -2.0]
    assert doubled(-torch.ones(3)).tolist() == [-2.0, -2.0, -2.0]
    assert len(compiler.graphs) == 1, "the trial"
