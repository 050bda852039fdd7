"""Zero mean and unit variance per colour channel or feature."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

OUTLIER_LIMIT = 10.0
"""Standardised values are cut here, so that one absurd feature value cannot drown a batch."""
IMAGES_MEASURED = 10_000
CHUNK_ROWS = 1_000


@dataclass(frozen=True, kw_only=True)
class Standardisation:
    """(x - mean) / deviation, cut at `OUTLIER_LIMIT`; over the last axis of what it is given."""

    mean_C: Tensor
    deviation_C: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Return standardised float32 values of the same shape."""
        standard = (values.float() - self.mean_C) / self.deviation_C
        return standard.clamp(-OUTLIER_LIMIT, OUTLIER_LIMIT)


def measure(inputs: npt.NDArray[np.uint8] | npt.NDArray[np.float32], device: torch.device) -> Standardisation:
    """Return the standardisation of images [N, H, W, C] or features [N, D].

    Images are measured on at most `IMAGES_MEASURED` of them, evenly spread; features on all rows, because a
    feature may be constant but for a few. Raises ValueError for features that are not finite.
    """
    is_image = inputs.dtype == np.uint8
    step = max(1, len(inputs) // IMAGES_MEASURED) if is_image else 1
    # Differences to the first row keep the digits of features with a large mean.
    origin_C = inputs[0].reshape(-1, inputs.shape[-1]).mean(0, dtype=np.float64)
    count, total_C, square_C = 0, np.zeros_like(origin_C), np.zeros_like(origin_C)
    for start in range(0, len(inputs), CHUNK_ROWS * step):
        chunk = np.asarray(inputs[start : start + CHUNK_ROWS * step : step], dtype=np.float64)
        difference = chunk.reshape(-1, inputs.shape[-1]) - origin_C
        count += len(difference)
        total_C += difference.sum(0)
        square_C += np.square(difference).sum(0)
    mean_C = total_C / count
    deviation_C = np.sqrt(np.maximum(square_C / count - mean_C**2, 0.0))
    return _checked(origin_C + mean_C, deviation_C, device)


def _checked(
    mean_C: npt.NDArray[np.float64], deviation_C: npt.NDArray[np.float64], device: torch.device
) -> Standardisation:
    not_finite = np.flatnonzero(~(np.isfinite(mean_C) & np.isfinite(deviation_C)))
    if len(not_finite):
        raise ValueError(f"Features must be finite numbers; columns {not_finite[:10].tolist()} are not.")
    # A constant feature carries nothing: dividing by 1 leaves it at 0.
    deviation_C = np.where(deviation_C > 0, deviation_C, 1.0)
    return Standardisation(
        mean_C=torch.from_numpy(mean_C).float().to(device),
        deviation_C=torch.from_numpy(deviation_C).float().to(device),
    )
