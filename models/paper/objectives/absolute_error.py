"""Mean absolute error (MAE; Ghosh et al., 2017), which resists label noise and learns slowly."""

import torch
from torch import Tensor

from models.paper import limit
from models.paper.objectives.objective import ObjectiveConfig, Outputs
from models.paper.objectives.single_network import SingleNetwork


class MeanAbsoluteError(SingleNetwork):
    """||y - s(a)||_1 = 2 (1 - s(a)[y]); its gradient at the logits is 2 s(a)[y] (s(a) - y)."""

    def __init__(self, config: ObjectiveConfig) -> None:
        self._class_count = config.class_count

    def compute_scoring_loss(self, outputs: Outputs, _: torch.Generator, /) -> Tensor:
        """Return the batch's mean absolute error."""
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._class_count)
        error_BK = targets_BK - outputs.classifier_logits_BK.softmax(1)
        return outputs.average(error_BK.abs().sum(1))
