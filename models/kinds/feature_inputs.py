"""Rows of features as a network's input: standardised, without augmentation.

Shape suffixes: B samples of a batch, D features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.configuration.training_config import TrainingConfig
from models.kinds.preparation import Preparation, Standardisation


@dataclass(frozen=True, kw_only=True)
class FeaturePreparation:
    """Standardises rows [B, D]; there is no augmentation."""

    standardisation: Standardisation

    def prepare_training(self, rows_B: Tensor, _: torch.Generator) -> Tensor:
        """Return the batch [B, D]."""
        return self.standardisation(rows_B)

    def prepare_plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch [B, D]."""
        return self.standardisation(rows_B)


class FeatureInputs:
    """See `TrainedKind`."""

    measured_max: int | None = None  # a feature can be constant in all but a few rows

    def find_placed_shape(self, shape: tuple[int, ...], _: TrainingConfig) -> tuple[int, ...]:
        """Return [N, D], the stored shape."""
        return shape

    def fit_rows(self, rows_B: Tensor, _: tuple[int, ...]) -> Tensor:
        """Return the rows unchanged."""
        return rows_B

    def make_preparation(
        self, _: TrainingConfig, standardisation: Standardisation, __: torch.device
    ) -> Preparation:
        """Return the standardisation of rows."""
        return FeaturePreparation(standardisation=standardisation)
