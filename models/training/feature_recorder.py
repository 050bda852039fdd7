"""What a trained network makes of every sample: its last layer's inputs, kept small.

Shape suffixes: N samples, B of a batch, D features of the network, W kept.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

LARGEST = 65_504.0
"""The largest float16."""


class FeatureRecorder:
    """Features as float16 on the device; more than may be kept are projected at random onto as many.

    A random projection changes distances little (Johnson and Lindenstrauss).
    """

    def __init__(self, *, sample_count: int, width_max: int, seed: int, device: torch.device) -> None:
        self._width_max = width_max
        self._generator = torch.Generator().manual_seed(seed)
        self._features_NW = torch.empty((sample_count, 0), dtype=torch.float16, device=device)
        self._projection_DW: Tensor | None = None

    def record(self, index_B: Tensor, features_BD: Tensor) -> None:
        """Keep the features of some samples; of every sample once."""
        if self._width_max == 0:
            return
        if self._features_NW.shape[1] == 0:
            self._allocate(features_BD.shape[1])
        if self._projection_DW is not None:
            features_BD = features_BD @ self._projection_DW
        self._features_NW.index_copy_(0, index_B, features_BD.clamp(-LARGEST, LARGEST).half())

    def _allocate(self, width: int) -> None:
        count, kept = len(self._features_NW), min(width, self._width_max)
        self._features_NW = self._features_NW.new_zeros((count, kept))
        if kept < width:
            drawn_DW = torch.randn((width, kept), generator=self._generator) / kept**0.5
            self._projection_DW = drawn_DW.to(self._features_NW.device)

    def tensors(self) -> list[Tensor]:
        """Return what holds a row for every sample, as it is."""
        return [self._features_NW] if self._features_NW.shape[1] else []

    def features(self) -> npt.NDArray[np.float16] | None:
        """Return the features [N, W]; None where none are to be kept."""
        return self._features_NW.cpu().numpy() if self._features_NW.shape[1] else None
