"""The way from an array of samples to a network's input: placed once, then one gather per batch.

Shape suffixes: N samples, B of them in a batch, H x W pixels, C channels (or features).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.configuration.training_config import TrainingConfig
from models.inputs import augmentation
from models.inputs.device_memory import resident_bytes_max
from models.inputs.standardisation import Standardisation

IMAGE_DIMENSIONS = 4  # N, H, W, C
PLACING_ROWS = 2_048
JUDGING_BATCH = 1_024
"""Samples that are judged at a time."""

Inputs = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


class Rows(Protocol):
    """Samples that can be read in any order."""

    def read(self, order_N: Tensor, bounds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (index_B, rows of that index) on the device for every stretch of `order_N` between bounds."""
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
    """Samples in a memory-mapped file too large for the device: a thread reads the next batch meanwhile."""

    def __init__(self, rows: Inputs, device: torch.device) -> None:
        self._rows = rows
        self._device = device

    def read(self, order_N: Tensor, bounds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """See Rows."""
        stretches = list(pairwise(bounds))
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead: Future[tuple[Tensor, Tensor]] | None = None
            for start, stop in stretches:
                ready, ahead = ahead, reader.submit(self._fetch, order_N[start:stop])
                if ready is not None:
                    yield self._on_device(ready)
            if ahead is not None:
                yield self._on_device(ahead)

    def _fetch(self, index_B: Tensor) -> tuple[Tensor, Tensor]:
        """Read rows in the file's order, which is kind to its disk, and return them in the batch's."""
        file_order_B = np.argsort(index_B.numpy(), kind="stable")
        rows = np.empty((len(index_B), *self._rows.shape[1:]), dtype=self._rows.dtype)
        rows[file_order_B] = self._rows[index_B.numpy()[file_order_B]]
        batch = torch.from_numpy(rows)
        return index_B, batch.pin_memory() if self._device.type == "cuda" else batch

    def _on_device(self, ready: "Future[tuple[Tensor, Tensor]]") -> tuple[Tensor, Tensor]:
        index_B, rows_B = ready.result()
        return index_B.to(self._device), rows_B.to(self._device, non_blocking=True)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Turns raw rows into what a network takes: resized, augmented, standardised float32."""

    standardisation: Standardisation
    input_size: int | None
    augmentation: str
    device: torch.device

    def training(self, rows_B: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch with random augmentation, [B, C, S, S] or [B, D]."""
        if self.input_size is None or self.augmentation == "none":
            return self.plain(rows_B)
        stored = resized(rows_B, augmentation.stored_size(self.augmentation, self.input_size))
        size = augmentation.crop_size(self.augmentation, self.input_size)
        return self._network_input(augmentation.random_crops(stored, size, generator), self.input_size)

    def plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch without augmentation, [B, C, S, S] or [B, D]."""
        if self.input_size is None:
            return self.standardisation(rows_B)
        stored = resized(rows_B, augmentation.stored_size(self.augmentation, self.input_size))
        return self._network_input(augmentation.centre_crop(stored, self.input_size), self.input_size)

    def _network_input(self, images_BHWC: Tensor, size: int) -> Tensor:
        """Standardise, pad with the mean colour to `size`, and put channels where the device wants them."""
        images_BCHW = self.standardisation(images_BHWC).permute(0, 3, 1, 2)
        missing = size - images_BCHW.shape[2]
        if missing:
            before, after = missing // 2, missing - missing // 2
            images_BCHW = functional.pad(images_BCHW, (before, after, before, after))
        return images_BCHW.contiguous(memory_format=memory_format(self.device))


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout in which convolutions are fastest: channels last on GPUs and on CPUs with AVX-512.

    On CPUs with AVX2 alone it measured 5 to 15 % slower (bench/defaults/RESULTS.md).
    """
    has_avx512 = torch.cpu.get_capabilities().get("avx512_f", False)
    return torch.channels_last if device.type == "cuda" or has_avx512 else torch.contiguous_format


def resized(images_BHWC: Tensor, side: int) -> Tensor:
    """Return uint8 images [B, side, side, C], bilinear, antialiased; the same tensor where it fits."""
    if images_BHWC.shape[1:3] == (side, side):
        return images_BHWC
    images_BCHW = images_BHWC.permute(0, 3, 1, 2).float()
    scaled = functional.interpolate(images_BCHW, (side, side), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def place(inputs: Inputs, config: TrainingConfig, device: torch.device) -> Rows:
    """Return the samples as one tensor on the device, resized once, or streamed where they do not fit."""
    is_image = inputs.ndim == IMAGE_DIMENSIONS
    shape = inputs.shape
    if is_image:
        assert config.input_size is not None
        side = augmentation.stored_size(config.augmentation, config.input_size)
        shape = (len(inputs), side, side, inputs.shape[3])
    if int(np.prod(shape, dtype=np.int64)) * inputs.itemsize > resident_bytes_max(device):
        return StreamedRows(inputs, device)
    rows = torch.empty(shape, dtype=torch.uint8 if is_image else torch.float32, device=device)
    for start in range(0, len(inputs), PLACING_ROWS):
        chunk = torch.from_numpy(np.array(inputs[start : start + PLACING_ROWS])).to(device)
        rows[start : start + PLACING_ROWS] = resized(chunk, shape[1]) if is_image else chunk
    return ResidentRows(rows)


def batch_bounds(sample_count: int, batch_size: int) -> list[int]:
    """Return the borders of an epoch's batches: sizes differ by one at most, and none is a single sample.

    Batch normalisation cannot learn from one sample, so a last batch of one is never made.
    """
    count = max(1, min(-(-sample_count // batch_size), sample_count // 2))
    return [sample_count * batch // count for batch in range(count + 1)]
