"""The checks of samples and labels before a training starts."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.catalogue.kinds import find_kind
from models.configuration.planned_training import check_counts
from models.kinds.sample_arrays import Inputs


def check_labels(inputs: Inputs, labels_N: npt.NDArray[np.integer[Any]], class_count: int) -> Tensor:
    """Return the labels as an int64 tensor; raise ValueError if samples or labels cannot be trained on."""
    find_kind(inputs.shape[1:], inputs.dtype)
    if labels_N.shape != (len(inputs),) or not np.issubdtype(labels_N.dtype, np.integer):
        raise ValueError(
            f"{len(inputs)} samples need {len(inputs)} integer labels, not {labels_N.dtype} {labels_N.shape}."
        )
    check_counts(len(inputs), class_count)
    if labels_N.min() < 0 or labels_N.max() >= class_count:
        raise ValueError(
            f"Labels must be in 0 .. {class_count - 1}, not {labels_N.min()} .. {labels_N.max()}."
        )
    return torch.from_numpy(np.array(labels_N, dtype=np.int64))
