"""Forward correction (FW; Patrini et al., 2017): a cross-entropy that models the label noise.

Shape suffixes: N samples, B of a batch, K classes.
"""

import math

import torch
from torch import Tensor

from models.paper.objectives.objective import ObjectiveConfig, Outputs
from models.paper.objectives.single_network import SingleNetwork

PERCENTILE = 0.97
"""The sample at this quantile of s(a)[i] represents class i: samples above it are outliers."""
LEAST_PROBABILITY = 1e-7
"""Lower limit of a given label's probability, so that a transition of probability 0 has a finite loss."""


def estimate_transition_matrix(probabilities_NK: Tensor) -> Tensor:
    """Return T [K, K]: row i is the estimated distribution of the given labels among samples of class i.

    Row i is the normalised softmax of the sample at the 97th percentile of s(a)[i]: the least confident one
    that is at least as confident as 97 % of all.

    Args:
        probabilities_NK: a trained CE network's softmax over the training samples.

    """
    count, class_count = probabilities_NK.shape
    place = math.ceil(PERCENTILE * (count - 1))
    order_NK = probabilities_NK.argsort(dim=0, stable=True)
    rows_KK = probabilities_NK[order_NK[place, torch.arange(class_count, device=order_NK.device)]]
    return rows_KK / rows_KK.sum(1, keepdim=True)


class ForwardCorrection(SingleNetwork):
    """-log((s(a) T)[y]), mean over the batch."""

    def __init__(self, config: ObjectiveConfig) -> None:
        self._transition_KK = config.transition_KK

    def compute_scoring_loss(self, outputs: Outputs, _: torch.Generator, /) -> Tensor:
        """Return the cross-entropy of the given labels with the prediction passed through T."""
        assert self._transition_KK is not None, "estimate the transition matrix before the first step"
        given_BK = outputs.classifier_logits_BK.softmax(1) @ self._transition_KK
        given_B = given_BK.gather(1, outputs.labels_B[:, None])[:, 0]
        return outputs.average(-given_B.clamp_min(LEAST_PROBABILITY).log())
