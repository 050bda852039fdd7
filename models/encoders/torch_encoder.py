"""Encoders of pictures that are torch networks, whichever library built them.

Shape suffixes: B pictures of a batch, H and W pixels, C channels, D features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from models.encoders.memory_allocator import keep_freed_memory
from models.encoders.picture_preparation import PictureEncoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.catalogue.encoders import PictureEncoderFacts


CPU_BATCH = 16
"""Pictures that a CPU takes at once. Fewer are slower, 64 need more memory and are as fast
(docs/photographs.md)."""


class TorchEncoder(PictureEncoder):
    """An encoder whose network maps standardised pictures [B, 3, S, S] to features [B, D]."""

    def __init__(
        self, facts: PictureEncoderFacts, network: nn.Module, weights_sha256: str, device: str
    ) -> None:
        super().__init__(facts, weights_sha256)
        self._device = torch.device(device)
        if self._device.type == "cpu":
            keep_freed_memory()
        self._network = network.eval().to(self._device).to(memory_format=torch.channels_last)
        # The picture's bytes are standardised by one multiplication and one addition.
        deviation_C = torch.tensor(facts.deviation, device=self._device)
        mean_C = torch.tensor(facts.mean, device=self._device)
        self._scale_C = 1 / (255 * deviation_C)
        self._shift_C = -mean_C / deviation_C

    @torch.inference_mode()
    def encode(self, pictures_BHWC: Tensor) -> Tensor:
        """Return the features of prepared pictures, float32 [B, D] on the CPU."""
        if self._device.type != "cpu":
            return self._encode_at_once(pictures_BHWC)
        parts = torch.split(pictures_BHWC, CPU_BATCH)
        return torch.cat([self._encode_at_once(part_BHWC) for part_BHWC in parts])

    def _encode_at_once(self, pictures_BHWC: Tensor) -> Tensor:
        values_BHWC = pictures_BHWC.to(self._device, non_blocking=True) * self._scale_C + self._shift_C
        # The permuted view of [B, H, W, C] is what channels_last asks for, without a copy.
        # By default cuDNN rounds to the ten bits of TF32, and a GPU's features would differ from a CPU's.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features_BD: Tensor = self._network(values_BHWC.permute(0, 3, 1, 2))
        return features_BD.flatten(1).float().cpu()
