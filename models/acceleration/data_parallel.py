"""Data-parallel training on several devices: every process holds both networks and a share of every batch.

Gradients and batch statistics are those of the complete batch. So the result is that of one process, except
for rounding and for random numbers drawn on the device (augmentation, dropout, "+S").

Shape suffixes: N samples, B samples of a batch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import torch
from torch import Tensor, distributed, nn
from torch.distributed import Store  # type: ignore[attr-defined]

from models.acceleration.synchronised_batch_norm import SynchronisedBatchNorm
from models.catalogue.methods import METHODS
from models.configuration.training_config import TrainingConfig
from models.inputs.batches import SCORING_BATCH, split_batches

LEADER = 0
TIMEOUT = timedelta(minutes=5)
BARRIER_SECONDS = 0.5
_GO, _MERGE, _STOP = range(3)


def limit_processes(config: TrainingConfig, sample_count: int) -> int:
    """Return how many processes can share every batch: each needs at least one row of the smallest batch."""
    if METHODS[config.method].needs_whole_batch:
        return 1
    held_out = round(sample_count * config.validation_fraction)
    passes = [(sample_count - held_out, config.batch_size)]
    passes += [(held_out, SCORING_BATCH), (sample_count, SCORING_BATCH)]
    bounds = [split_batches(count, size) for count, size in passes if count]
    return min(stop - start for borders in bounds for start, stop in pairwise(borders))


class TrainingEnded(Exception):
    """The leader's process ended the training."""


class Group:
    """A single process, which has nothing to exchange; `Ranks` exchanges with other processes."""

    rank = LEADER
    size = 1

    def share(self, order_N: Tensor, bounds: Sequence[int]) -> tuple[Tensor, Sequence[int]]:
        """Return this process's part of every slice of `order_N` between bounds, and the parts' borders."""
        return order_N, bounds

    def synchronise(self, network: nn.Module) -> None:
        """Make a network's batch statistics those of all processes' rows."""

    def weigh_loss(self, loss: Tensor, *, rows: int) -> Tensor:
        """Return the loss for the backward pass, from the mean loss of this process's rows.

        Other processes' rows enter through the batch statistics, so shares of unequal size are weighted
        before the backward pass.
        """
        del rows
        return loss

    def average_gradients(self, parameters: Iterable[nn.Parameter], *, rows: int) -> None:
        """Replace every gradient of a weighted loss by that of the mean over all processes' rows."""

    def merge(self, tensors: Iterable[Tensor], index: Tensor) -> None:
        """Exchange rows: this process sends the rows `index`, which it wrote, and receives all others."""

    def average(self, sums: Tensor) -> None:
        """Replace sums by their mean over the processes, which keeps the total."""

    def sum_values(self, value: float) -> float:
        """Return the sum of the processes' values."""
        return value

    def is_due(self, step: int, *, by_clock: bool) -> bool:
        """Return whether progress is reported after this step, the same answer in all processes."""
        del step
        return by_clock

    def hold_barrier(
        self, report: Callable[[], None], merge: Callable[[], None], *, seconds_per_step: float
    ) -> None:
        """Let the leader report while the others wait; whenever the leader calls `gather`, all merge."""
        del merge, seconds_per_step
        report()

    def gather(self, merge: Callable[[], None]) -> None:
        """Make all processes merge; called by the leader during a barrier."""


class Ranks(Group):
    """One of several processes, which torch.distributed connects."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()
        self._device = device
        self._step = self._next_barrier = 0

    def share(self, order_N: Tensor, bounds: Sequence[int]) -> tuple[Tensor, Sequence[int]]:
        """See Group; shares differ by at most one row, and none is empty."""
        parts, borders = [], [0]
        for start, stop in pairwise(bounds):
            rows = stop - start
            if rows < self.size:
                raise ValueError(
                    f"A batch of {rows} samples cannot be shared by {self.size} devices; use fewer devices."
                )
            first, last = (start + rows * rank // self.size for rank in (self.rank, self.rank + 1))
            parts.append(order_N[first:last])
            borders.append(borders[-1] + last - first)
        return torch.cat(parts) if parts else order_N[:0], borders

    def synchronise(self, network: nn.Module) -> None:
        """See Group; torch's own layer needs a GPU."""
        if self._device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        else:
            SynchronisedBatchNorm.convert(network)

    def weigh_loss(self, loss: Tensor, *, rows: int) -> Tensor:
        """See Group."""
        return loss * rows

    def average_gradients(self, parameters: Iterable[nn.Parameter], *, rows: int) -> None:
        """See Group; one exchange of all gradients and the number of rows."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        counted = torch.full((1,), float(rows), device=self._device)
        flat = torch.cat([counted, *(gradient.flatten() for gradient in gradients)])
        distributed.all_reduce(flat)
        flat = flat[1:] / flat[0]
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def merge(self, tensors: Iterable[Tensor], index: Tensor) -> None:
        """See Group; two processes must not have written the same row."""
        index = index.to(self._device)
        for tensor in tensors:
            written_N = torch.zeros(len(tensor), dtype=torch.uint8, device=self._device)
            written_N[index] = 1
            rows = torch.zeros_like(tensor)
            rows[index] = tensor[index]
            distributed.all_reduce(written_N)
            distributed.all_reduce(rows)
            is_written_N = written_N.bool().view(-1, *[1] * (tensor.dim() - 1))
            torch.where(is_written_N, rows, tensor, out=tensor)

    def average(self, sums: Tensor) -> None:
        """See Group."""
        distributed.all_reduce(sums)
        sums /= self.size

    def sum_values(self, value: float) -> float:
        """See Group."""
        values = torch.tensor(value, dtype=torch.float64, device=self._device)
        distributed.all_reduce(values)
        return float(values)

    def is_due(self, step: int, *, by_clock: bool) -> bool:
        """See Group; the processes agreed on it in the last barrier, by the leader's clock."""
        del by_clock
        self._step = step
        return step >= self._next_barrier

    def hold_barrier(
        self, report: Callable[[], None], merge: Callable[[], None], *, seconds_per_step: float
    ) -> None:
        """See Group. If the leader raises, the others raise TrainingEnded."""
        if self.rank != LEADER:
            while (command := self._receive())[0] == _MERGE:
                merge()
            if command[0] == _STOP:
                raise TrainingEnded
            self._next_barrier = command[1]
            return
        command = [_STOP, 0]
        try:
            report()
            command = [_GO, self._step + max(1, round(BARRIER_SECONDS / seconds_per_step))]
        finally:
            self._next_barrier = self._broadcast(command)[1]

    def gather(self, merge: Callable[[], None]) -> None:
        """See Group."""
        self._broadcast([_MERGE, 0])
        merge()

    def _broadcast(self, command: list[int]) -> list[int]:
        distributed.broadcast(torch.tensor(command, device=self._device), LEADER)
        return command

    def _receive(self) -> list[int]:
        received = torch.zeros(2, dtype=torch.int64, device=self._device)
        distributed.broadcast(received, LEADER)
        command: list[int] = received.tolist()
        return command


@contextmanager
def join_processes(
    device: torch.device, *, store: Store | None = None, rank: int = -1, size: int = -1
) -> Iterator[Ranks]:
    """Join the other processes through `store`, or through torchrun's environment variables without one."""
    is_cuda = device.type == "cuda"
    if is_cuda:
        torch.cuda.set_device(device)
    backend = "nccl" if is_cuda else "gloo"
    distributed.init_process_group(backend, timeout=TIMEOUT, store=store, rank=rank, world_size=size)
    try:
        yield Ranks(device)
    finally:
        distributed.destroy_process_group()
