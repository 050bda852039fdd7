"""Determinant mutual information (DMI; Xu et al., 2019)."""

import torch
from torch import Tensor

from models.paper import limit
from models.paper.objectives.objective import ObjectiveConfig, Outputs
from models.paper.objectives.single_network import SingleNetwork

OFFSET = 1e-3
"""Added to |det U|, which is 0 if a class is missing in the batch."""


class DeterminantMutualInformation(SingleNetwork):
    """-log(|det U| + 0.001), where U = Y^T s(A) is the batch's unnormalised K x K confusion matrix.

    Every permutation of the classes has the same loss, so training must start from a CE model. The
    determinant is computed in float64: with 100 classes it leaves float32's range. A batch that lacks a class
    has determinant and gradient 0, so batches are stratified (`Method.needs_whole_batch`).
    """

    def __init__(self, config: ObjectiveConfig) -> None:
        self._class_count = config.class_count

    def compute_scoring_loss(self, outputs: Outputs, _: torch.Generator, /) -> Tensor:
        """Return the negative logarithm of the batch's determinant."""
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._class_count).double()
        if outputs.weight_B is not None:
            targets_BK = targets_BK * (outputs.weight_B > 0)[:, None]
        confusion_KK = targets_BK.T @ outputs.classifier_logits_BK.double().softmax(1)
        loss = -torch.log(torch.linalg.det(confusion_KK).abs() + OFFSET)
        return loss.float()
