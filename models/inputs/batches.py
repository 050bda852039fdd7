"""Batches from an array of samples: placed on the device once, then one gather per batch.

Shape suffixes: N samples, B samples of a batch.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from models.configuration.training_config import TrainingConfig
from models.inputs.device_memory import limit_resident_bytes
from models.kinds.sample_arrays import Inputs
from models.kinds.trained_kinds import find_trained_kind

PLACING_ROWS = 2_048
SCORING_BATCH = 1_024
"""Samples per batch when nothing is trained."""


class Rows(Protocol):
    """Samples that can be read in any order."""

    def read(self, order_N: Tensor, bounds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (index_B, rows of that index) on the device for every slice of `order_N` between bounds."""
        ...


class ResidentRows:
    """All samples as one tensor on the device."""

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows

    def read(self, order_N: Tensor, bounds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """See Rows; the order goes to the device once."""
        order_N = order_N.to(self._rows.device)
        for start, stop in pairwise(bounds):
            index_B = order_N[start:stop]
            yield index_B, self._rows[index_B]


class StreamedRows:
    """Samples in a memory-mapped file too large for the device; a thread reads one batch ahead."""

    def __init__(self, rows: Inputs, device: torch.device) -> None:
        self._rows = rows
        self._device = device

    def read(self, order_N: Tensor, bounds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """See Rows."""
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead: Future[tuple[Tensor, Tensor]] | None = None
            for start, stop in pairwise(bounds):
                ready, ahead = ahead, reader.submit(self._fetch, order_N[start:stop])
                if ready is not None:
                    yield self._move_to_device(ready)
            if ahead is not None:
                yield self._move_to_device(ahead)

    def _fetch(self, index_B: Tensor) -> tuple[Tensor, Tensor]:
        """Read rows in the file's order, which suits the disk, and return them in the batch's order."""
        file_order_B = np.argsort(index_B.numpy(), kind="stable")
        rows = np.empty((len(index_B), *self._rows.shape[1:]), dtype=self._rows.dtype)
        rows[file_order_B] = self._rows[index_B.numpy()[file_order_B]]
        batch = torch.from_numpy(rows)
        return index_B, batch.pin_memory() if self._device.type == "cuda" else batch

    def _move_to_device(self, ready: "Future[tuple[Tensor, Tensor]]") -> tuple[Tensor, Tensor]:
        index_B, rows_B = ready.result()
        return index_B.to(self._device), rows_B.to(self._device, non_blocking=True)


def place(inputs: Inputs, config: TrainingConfig, device: torch.device) -> Rows:
    """Return the samples as one tensor on the device, resized once; streamed if they need too much memory."""
    kind = find_trained_kind(inputs)
    shape = kind.find_placed_shape(inputs.shape, config)
    if int(np.prod(shape, dtype=np.int64)) * inputs.itemsize > limit_resident_bytes(device):
        return StreamedRows(inputs, device)
    placed_dtype = kind.fit_rows(torch.from_numpy(np.array(inputs[:1])), shape).dtype
    rows = torch.empty(shape, dtype=placed_dtype, device=device)
    for start in range(0, len(inputs), PLACING_ROWS):
        chunk = torch.from_numpy(np.array(inputs[start : start + PLACING_ROWS])).to(device)
        rows[start : start + PLACING_ROWS] = kind.fit_rows(chunk, shape)
    return ResidentRows(rows)


def split_batches(sample_count: int, batch_size: int) -> list[int]:
    """Return the borders of an epoch's batches: sizes differ by at most one, and none is a single sample.

    Batch normalisation cannot learn from a batch of one sample.
    """
    count = max(1, min(-(-sample_count // batch_size), sample_count // 2))
    return [sample_count * batch // count for batch in range(count + 1)]
