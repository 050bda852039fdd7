"""Standardisation: zero mean and unit variance per colour channel or feature."""

import numpy as np
import numpy.typing as npt
import torch

from models.kinds.preparation import Standardisation
from models.kinds.sample_arrays import Inputs
from models.kinds.trained_kinds import find_trained_kind

CHUNK_ROWS = 1_000


def measure(inputs: Inputs, device: torch.device) -> Standardisation:
    """Return the standardisation of samples [N, ...], measured on as many samples as their kind needs.

    Raises ValueError for values that are not finite.
    """
    most = find_trained_kind(inputs).measured_max
    step = 1 if most is None else max(1, len(inputs) // most)
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
    return _make_standardisation(origin_C + mean_C, deviation_C, device)


def _make_standardisation(
    mean_C: npt.NDArray[np.float64], deviation_C: npt.NDArray[np.float64], device: torch.device
) -> Standardisation:
    not_finite = np.flatnonzero(~(np.isfinite(mean_C) & np.isfinite(deviation_C)))
    if len(not_finite):
        raise ValueError(f"Features must be finite numbers; columns {not_finite[:10].tolist()} are not.")
    # A constant feature has no information: divided by 1 it stays 0.
    deviation_C = np.where(deviation_C > 0, deviation_C, 1.0)
    return Standardisation(
        mean_C=torch.from_numpy(mean_C).float().to(device),
        deviation_C=torch.from_numpy(deviation_C).float().to(device),
    )
