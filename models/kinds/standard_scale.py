"""Zero mean and unit variance over the last axis of whatever samples are."""

from dataclasses import dataclass

from torch import Tensor

OUTLIER_LIMIT = 10.0
"""Standardised values are cut here, so that one absurd feature value cannot drown a batch."""


@dataclass(frozen=True, kw_only=True)
class Standardisation:
    """(x - mean) / deviation, cut at `OUTLIER_LIMIT`; over the last axis of what it is given."""

    mean_C: Tensor
    deviation_C: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Return standardised float32 values of the same shape."""
        standard = (values.float() - self.mean_C) / self.deviation_C
        return standard.clamp(-OUTLIER_LIMIT, OUTLIER_LIMIT)
