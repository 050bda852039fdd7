"""Training steps as CUDA graphs: recorded once per batch size, then launched as one.

A step of two ResNet-34 has over a thousand kernels, and a CPU launches them more slowly than a GPU runs them.

Shape suffixes: B samples of a batch, K classes.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.catalogue.methods import METHODS
from models.configuration.training_config import TrainingConfig
from models.paper.objectives import Outcome

StepResult = tuple[Outcome, Tensor]
"""The outcome of a batch, and f's logits [B, K]."""
Step = Callable[[Tensor, Tensor, bool], StepResult]
"""Function of (inputs of a batch, labels [B], whether the classifier learns)."""

EAGER_STEPS = 3
"""Steps per batch size before recording, in which cuDNN chooses kernels and Adam allocates its memory."""


def can_replay(config: TrainingConfig, device: torch.device) -> bool:
    """Return whether every step runs the same kernels."""
    is_plain = not config.sample_gradients and config.dropout == 0
    return device.type == "cuda" and METHODS[config.method].has_fixed_kernels and is_plain


@dataclass(frozen=True)
class _Recording:
    """A recorded step; inputs, labels and result are at fixed addresses."""

    inputs: Tensor
    labels_B: Tensor
    graph: torch.cuda.CUDAGraph
    result: StepResult

    def replay(self, inputs: Tensor, labels_B: Tensor) -> StepResult:
        self.inputs.copy_(inputs)
        self.labels_B.copy_(labels_B)
        self.graph.replay()
        return self.result


class StepGraphs:
    """The CUDA graphs of a training's step; the next step overwrites a step's result."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._eager_steps: Counter[tuple[int, bool]] = Counter()
        self._recordings: dict[tuple[int, bool], _Recording] = {}

    def forget(self) -> None:
        """Delete all recordings, because the step has changed."""
        self._eager_steps.clear()
        self._recordings.clear()

    def do(
        self,
        step: Step,
        inputs: Tensor,
        labels_B: Tensor,
        trains_classifier: bool,  # noqa: FBT001
    ) -> StepResult:
        """Do one step: eagerly the first `EAGER_STEPS` times, then by its recording."""
        key = len(labels_B), trains_classifier
        if key not in self._recordings:
            self._eager_steps[key] += 1
            if self._eager_steps[key] <= EAGER_STEPS:
                return self._run_eagerly(lambda: step(inputs, labels_B, trains_classifier))
            inputs, labels_B = inputs.clone(), labels_B.clone()
            recorded = self._record(lambda: step(inputs, labels_B, trains_classifier))
            self._recordings[key] = _Recording(inputs, labels_B, *recorded)
        return self._recordings[key].replay(inputs, labels_B)

    def _run_eagerly(self, step: Callable[[], StepResult]) -> StepResult:
        """Do a step on the recording stream: autograd remembers the stream of the first step."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = step()
        current.wait_stream(self._stream)
        return result

    def _record(self, step: Callable[[], StepResult]) -> tuple[torch.cuda.CUDAGraph, StepResult]:
        """Record a step without doing it; other threads can allocate memory meanwhile."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            result = step()
        return graph, result
