"""The protocol of a data kind for training, and its registry."""

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
from models.kinds.table_inputs import TableInputs
from models.kinds.text_inputs import TextInputs


class TrainedKind(Protocol):
    """The preparation of a kind's stored samples for a network."""

    measured_max: int | None
    """Number of evenly spread samples on which mean and deviation are measured; None: all samples."""

    def find_placed_shape(self, shape: tuple[int, ...], config: TrainingConfig) -> tuple[int, ...]:
        """Return the shape on the device [N, ...] of samples that are stored as `shape` [N, ...]."""
        ...

    def fit_rows(self, rows_B: Tensor, placed_shape: tuple[int, ...]) -> Tensor:
        """Return stored rows in the form that is kept on the device."""
        ...

    def make_preparation(
        self, config: TrainingConfig, standardisation: Standardisation, device: torch.device
    ) -> Preparation:
        """Return the preparation for a network; it takes both stored rows and rows kept on the device."""
        ...


TRAINED_KINDS: Mapping[str, TrainedKind] = {
    "images": ImageInputs(),
    "features": FeatureInputs(),
    "tables": TableInputs(),
    "texts": TextInputs(),
}
"""The kinds by their names in `catalogue.kinds`."""


def find_trained_kind(inputs: Inputs) -> TrainedKind:
    """Return the kind of samples [N, ...]; raise ValueError if no kind fits."""
    return TRAINED_KINDS[find_kind(inputs.shape[1:], inputs.dtype).name]
