"""Stored texts as a network's input: their reduced values, which are on one scale already.

Shape suffixes: B samples of a batch, W stored values, D reduced values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.catalogue.kinds import SIGNATURE
from models.configuration.training_config import TrainingConfig
from models.kinds.feature_inputs import FeatureInputs
from models.kinds.preparation import OUTLIER_LIMIT, Preparation, Standardisation


def decode(rows_BW: Tensor) -> Tensor:
    """Return the reduced values of stored texts, float32 [B, D]."""
    return rows_BW[:, :-SIGNATURE].contiguous().view(torch.float16).float()


@dataclass(frozen=True, kw_only=True)
class TextPreparation:
    """Clips rows; there is no augmentation."""

    def prepare_training(self, rows_B: Tensor, _: torch.Generator) -> Tensor:
        """Return the batch [B, D]."""
        return self.prepare_plain(rows_B)

    def prepare_plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch [B, D], of stored rows or of rows kept on the device."""
        values_BD = rows_B if rows_B.is_floating_point() else decode(rows_B)
        return values_BD.float().clamp(-OUTLIER_LIMIT, OUTLIER_LIMIT)


class TextInputs(FeatureInputs):
    """See `TrainedKind`."""

    measured_max: int | None = 1_000  # mean and deviation of stored bits mean nothing and are not used

    def find_placed_shape(self, shape: tuple[int, ...], _: TrainingConfig) -> tuple[int, ...]:
        """Return [N, D], without the signatures."""
        return (*shape[:-1], shape[-1] - SIGNATURE)

    def fit_rows(self, rows_B: Tensor, _: tuple[int, ...]) -> Tensor:
        """Return the reduced values."""
        return decode(rows_B)

    def make_preparation(
        self,
        _: TrainingConfig,
        standardisation: Standardisation,  # noqa: ARG002 - as `FeatureInputs` names it
        __: torch.device,
    ) -> Preparation:
        """Return the clipping of rows."""
        return TextPreparation()
