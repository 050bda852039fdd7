"""A trained network's features of every sample: the inputs of its last layer, reduced to a limited width.

Shape suffixes: N samples, B samples of a batch, D features of the network, W features kept.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

LARGEST = 65_504.0
"""The largest float16."""


class FeatureRecorder:
    """Features as float16 on the device; if there are more than `width_max`, their random projections.

    A random projection changes distances little (Johnson and Lindenstrauss).
    """

    def __init__(self, *, sample_count: int, width_max: int, seed: int, device: torch.device) -> None:
        self._width_max = width_max
        self._generator = torch.Generator().manual_seed(seed)
        self._features_NW = torch.empty((sample_count, 0), dtype=torch.float16, device=device)
        self._projection_DW: Tensor | None = None

    def record(self, index_B: Tensor, features_BD: Tensor) -> None:
        """Record the features of some samples; called once for every sample."""
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

    def list_tensors(self) -> list[Tensor]:
        """Return the tensors with one row per sample, without copies."""
        return [self._features_NW] if self._features_NW.shape[1] else []

    def get_features(self) -> npt.NDArray[np.float16] | None:
        """Return the features [N, W]; None if none are kept."""
        return self._features_NW.cpu().numpy() if self._features_NW.shape[1] else None
