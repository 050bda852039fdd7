"""The held-out samples, and the order of the others in every epoch; both depend only on the seed."""

import numpy as np
import torch
from torch import Tensor

from models.configuration.training_config import count_held_out

_ORDER, _DEVICE, _SPLIT = range(3)


class Shuffling:
    """The split of N samples, and their order in every epoch."""

    def __init__(self, *, sample_count: int, validation_fraction: float, seed: int) -> None:
        self._seed = seed
        held_out_count = count_held_out(sample_count, validation_fraction)
        shuffled = torch.randperm(sample_count, generator=self._make_generator(_SPLIT, epoch=0))
        self.train_index = shuffled[held_out_count:].sort().values
        self.held_out_index = shuffled[:held_out_count].sort().values

    def order(self, epoch: int) -> Tensor:
        """Return the training indices in this epoch's order."""
        shuffled = torch.randperm(len(self.train_index), generator=self._make_generator(_ORDER, epoch=epoch))
        return self.train_index[shuffled]

    def make_device_seed(self, epoch: int, *, rank: int = 0) -> int:
        """Return the seed for this epoch's random numbers on a device: augmentation, noise, dropout."""
        return self._make_seed(_DEVICE, epoch, *([rank] if rank else []))

    def _make_generator(self, stream: int, *, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(self._make_seed(stream, epoch))

    def _make_seed(self, stream: int, epoch: int, *more: int) -> int:
        """Return a separate seed for every purpose and epoch."""
        words = np.random.SeedSequence([self._seed, stream, epoch, *more]).generate_state(2)
        return int(words[0]) << 31 | int(words[1]) >> 1
