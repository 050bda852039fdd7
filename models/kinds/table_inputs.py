"""Encoded rows of a table as a network's input: their values are on one scale already.

Shape suffixes: B samples of a batch, D values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.configuration.training_config import TrainingConfig
from models.kinds.feature_inputs import FeatureInputs
from models.kinds.preparation import OUTLIER_LIMIT, Preparation, Standardisation


@dataclass(frozen=True, kw_only=True)
class TablePreparation:
    """Clips rows [B, D]; there is no augmentation.

    To standardise the mark of a rare value would make it louder than any number.
    """

    def prepare_training(self, rows_B: Tensor, _: torch.Generator) -> Tensor:
        """Return the batch [B, D]."""
        return self.prepare_plain(rows_B)

    def prepare_plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch [B, D]."""
        return rows_B.float().clamp(-OUTLIER_LIMIT, OUTLIER_LIMIT)


class TableInputs(FeatureInputs):
    """See `TrainedKind`."""

    def fit_rows(self, rows_B: Tensor, _: tuple[int, ...]) -> Tensor:
        """Return the rows in the precision of a network."""
        return rows_B.float()

    def make_preparation(
        self,
        _: TrainingConfig,
        standardisation: Standardisation,  # noqa: ARG002 - as `FeatureInputs` names it
        __: torch.device,
    ) -> Preparation:
        """Return the clipping of rows."""
        return TablePreparation()
