"""Rows of numbers into a network: standardised, and otherwise as they are.

Shape suffixes: B samples of a batch, D features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.configuration.training_config import TrainingConfig
from models.kinds.preparation import Preparation, Standardisation


@dataclass(frozen=True, kw_only=True)
class FeaturePreparation:
    """Standardises rows [B, D]; nothing of them is changed at random."""

    standardisation: Standardisation

    def training(self, rows_B: Tensor, _: torch.Generator) -> Tensor:
        """Return the batch [B, D]."""
        return self.standardisation(rows_B)

    def plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch [B, D]."""
        return self.standardisation(rows_B)


class FeatureInputs:
    """See `TrainedKind`."""

    measured_max: int | None = None  # a feature may be constant but for a few rows

    def find_placed_shape(self, shape: tuple[int, ...], _: TrainingConfig) -> tuple[int, ...]:
        """Return [N, D], as stored."""
        return shape

    def fit_rows(self, rows_B: Tensor, _: tuple[int, ...]) -> Tensor:
        """Return the rows as they are."""
        return rows_B

    def make_preparation(
        self, _: TrainingConfig, standardisation: Standardisation, __: torch.device
    ) -> Preparation:
        """Return what standardises rows."""
        return FeaturePreparation(standardisation=standardisation)
