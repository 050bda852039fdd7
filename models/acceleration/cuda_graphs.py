"""Training steps as CUDA graphs: recorded once for each size of batch, then started as one.

A step of two ResNet-34 is over a thousand kernels, which a processor starts more slowly than a GPU works.

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

Said = tuple[Outcome, Tensor]
Step = Callable[[Tensor, Tensor, bool], Said]
"""(inputs of a batch, labels [B], whether the classifier learns) to the outcome and f's logits [B, K]."""

EAGER_STEPS = 3
"""Of each size before it is recorded: cuDNN chooses its kernels, Adam makes its memory."""


def can_replay(config: TrainingConfig, device: torch.device) -> bool:
    """Whether a step is the same kernels every time."""
    is_plain = not config.sample_gradients and config.dropout == 0
    return device.type == "cuda" and METHODS[config.method].has_fixed_kernels and is_plain


@dataclass(frozen=True)
class _Recording:
    """A step over inputs and labels at fixed addresses, which leaves what it says at others."""

    inputs: Tensor
    labels_B: Tensor
    graph: torch.cuda.CUDAGraph
    said: Said

    def replay(self, inputs: Tensor, labels_B: Tensor) -> Said:
        self.inputs.copy_(inputs)
        self.labels_B.copy_(labels_B)
        self.graph.replay()
        return self.said


class Replayed:
    """Recordings of one step on a GPU; what it says holds until the next."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._eager_steps: Counter[tuple[int, bool]] = Counter()
        self._recordings: dict[tuple[int, bool], _Recording] = {}

    def forget(self) -> None:
        """Drop all recordings: the step has become another."""
        self._eager_steps.clear()
        self._recordings.clear()

    def do(self, step: Step, inputs: Tensor, labels_B: Tensor, trains_classifier: bool) -> Said:  # noqa: FBT001
        """Do one step, recorded once it has been done some times."""
        key = len(labels_B), trains_classifier
        if key not in self._recordings:
            self._eager_steps[key] += 1
            if self._eager_steps[key] <= EAGER_STEPS:
                return self._eagerly(lambda: step(inputs, labels_B, trains_classifier))
            inputs, labels_B = inputs.clone(), labels_B.clone()
            recorded = self._record(lambda: step(inputs, labels_B, trains_classifier))
            self._recordings[key] = _Recording(inputs, labels_B, *recorded)
        return self._recordings[key].replay(inputs, labels_B)

    def _eagerly(self, step: Callable[[], Said]) -> Said:
        """Do a step on the stream that records later: autograd remembers where it was first."""
        here = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            said = step()
        here.wait_stream(self._stream)
        return said

    def _record(self, step: Callable[[], Said]) -> tuple[torch.cuda.CUDAGraph, Said]:
        """Record a step without doing it; other threads may go on allocating meanwhile."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            said = step()
        return graph, said
