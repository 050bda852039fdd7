"""Soft regularisation (eq. 8): cross-entropy with a penalty on the information in the last layer's gradient.

Shape suffixes: B samples of a batch, K classes, D inputs of the last layer.
"""

import torch
from torch import Tensor
from torch.nn import functional

from models.paper import limit
from models.paper.objectives.objective import ObjectiveConfig, Outcome, Outputs


class SoftRegularisation:
    """CE + lambda mean(||z||^2 ||y - s(b)||^2) + beta mean(||z||^2 ||s(a) - s(b)||^2).

    The gradient of the weights of the last layer, which has no bias, is g z^T, and its prediction mu z^T. The
    first penalty is the squared norm of their difference, the second that of the prediction. Both networks
    descend on the complete loss: each loss below keeps the other network's part fixed, so that their
    gradients are the partial gradients of eq. 8.
    """

    has_predictor = True

    def __init__(self, config: ObjectiveConfig) -> None:
        self._class_count = config.class_count
        self._soft_lambda = config.soft_lambda
        self._beta = config.beta

    def compute_scoring_loss(self, outputs: Outputs, _: torch.Generator, /) -> Tensor:
        """Return q's part of the loss: the samples' weighted penalties."""
        assert outputs.predictor_logits_BK is not None
        penalty_B = self._compute_penalty(
            outputs.features_BD.detach().float().square().sum(1),
            outputs.classifier_logits_BK.detach().softmax(1),
            outputs.predictor_logits_BK,
            limit.encode_one_hot(outputs.labels_B, self._class_count),
        )
        return outputs.average(penalty_B)

    def __call__(self, outputs: Outputs, generator: torch.Generator, /) -> Outcome:
        """Return the losses of eq. 8: f descends on cross-entropy and penalties, q on the penalties."""
        logits_a_BK, logits_b_BK = outputs.classifier_logits_BK, outputs.predictor_logits_BK
        assert logits_b_BK is not None
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._class_count)
        squared_z_B = outputs.features_BD.float().square().sum(1)
        penalty_of_f = self._compute_penalty(
            squared_z_B, logits_a_BK.softmax(1), logits_b_BK.detach(), targets_BK
        ).mean()
        fixed_s_a_BK = logits_a_BK.detach().softmax(1)
        return Outcome(
            classifier_loss=functional.cross_entropy(logits_a_BK, outputs.labels_B) + penalty_of_f,
            predictor_loss=self.compute_scoring_loss(outputs, generator),
            gradient_norm_B=torch.linalg.vector_norm(fixed_s_a_BK - logits_b_BK.detach().softmax(1), dim=1),
            scoring_logits_BK=logits_b_BK.detach(),
        )

    def _compute_penalty(
        self, squared_z_B: Tensor, s_a_BK: Tensor, logits_b_BK: Tensor, targets_BK: Tensor
    ) -> Tensor:
        """Return the penalty of every sample [B]."""
        s_b_BK = logits_b_BK.softmax(1)
        error_B = (targets_BK - s_b_BK).square().sum(1)
        size_B = (s_a_BK - s_b_BK).square().sum(1)
        return squared_z_B * (self._soft_lambda * error_B + self._beta * size_B)
