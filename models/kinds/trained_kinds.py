"""What training asks of a kind of data, and the registry of those that answer."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from models.catalogue.kinds import find_kind
from models.configuration.training_config import TrainingConfig
from models.kinds.feature_inputs import FeatureInputs
from models.kinds.image_inputs import ImageInputs
from models.kinds.preparation import Preparation, Standardisation
from models.kinds.sample_arrays import Inputs


class TrainedKind(Protocol):
    """How samples of a kind come from an array into a network."""

    measured_max: int | None
    """Samples by which mean and deviation are measured, evenly spread; None: all of them."""

    def find_placed_shape(self, shape: tuple[int, ...], config: TrainingConfig) -> tuple[int, ...]:
        """Return the shape [N, ...] in which samples stored as `shape` [N, ...] are kept on the device."""
        ...

    def fit_rows(self, rows_B: Tensor, placed_shape: tuple[int, ...]) -> Tensor:
        """Return stored rows as they are kept on the device."""
        ...

    def make_preparation(
        self, config: TrainingConfig, standardisation: Standardisation, device: torch.device
    ) -> Preparation:
        """Return what turns rows into a network's input; it takes rows as stored and as kept."""
        ...


TRAINED_KINDS: Mapping[str, TrainedKind] = {
    "images": ImageInputs(),
    "features": FeatureInputs(),
}
"""By the names of `catalogue.kinds`."""


def find_trained_kind(inputs: Inputs) -> TrainedKind:
    """Return the kind of samples [N, ...]; raise ValueError where they are of none."""
    return TRAINED_KINDS[find_kind(inputs.shape[1:], inputs.dtype).name]
