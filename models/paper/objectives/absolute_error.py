"""Mean absolute error (MAE; Ghosh et al., 2017), which resists label noise and learns slowly."""

import torch

from models.paper import limit
from models.paper.objectives.objective import ObjectiveConfig, Outcome, Outputs
from models.paper.objectives.single_network import score_by_classifier


class MeanAbsoluteError:
    """||y - s(a)||_1 = 2 (1 - s(a)[y]), with the gradient 2 s(a)[y] (s(a) - y) at the logits."""

    has_predictor = False

    def __init__(self, config: ObjectiveConfig) -> None:
        self._class_count = config.class_count

    def __call__(self, outputs: Outputs, _: torch.Generator) -> Outcome:
        """Train with the batch's mean."""
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._class_count)
        error_BK = targets_BK - outputs.classifier_logits_BK.softmax(1)
        return score_by_classifier(outputs, error_BK.abs().sum(1).mean())
