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
OWN_PERCENTILE = 0.7
"""The same among the samples that the network takes for class i: 3 % of all samples are 30 % of a class where
there are ten of equal size, as in the paper's data."""
LEAST_PROBABILITY = 1e-7
"""Lower limit of a given label's probability, so that a transition of probability 0 has a finite loss."""


def estimate_transition_matrix(probabilities_NK: Tensor) -> Tensor:
    """Return T [K, K]: row i is the estimated distribution of the given labels among samples of class i.

    Row i is the normalised softmax of the sample at the 97th percentile of s(a)[i]: the least confident one
    that is at least as confident as 97 % of all. If class i has less than 3 % of the samples, as with more
    than 33 classes, the network takes that sample for another class, whose row it would give. Then row i is
    that of the sample at the same place among those that the network takes for class i; without any such
    sample it is that of the identity, because nothing is known: see `find_unknown_classes`.

    Args:
        probabilities_NK: a trained CE network's softmax over the training samples.

    """
    class_count = probabilities_NK.shape[1]
    first_N = probabilities_NK.argmax(1)
    rows = [_estimate_row(probabilities_NK, first_N, each) for each in range(class_count)]
    rows_KK = torch.stack(rows)
    return rows_KK / rows_KK.sum(1, keepdim=True)


def find_unknown_classes(probabilities_NK: Tensor) -> list[int]:
    """Return the classes that the network takes no sample for; their rows of T are those of the identity."""
    found_K = probabilities_NK.argmax(1).bincount(minlength=probabilities_NK.shape[1])
    unknown: list[int] = (found_K == 0).nonzero()[:, 0].tolist()
    return unknown


def _estimate_row(probabilities_NK: Tensor, first_N: Tensor, label: int) -> Tensor:
    """Return the probabilities [K] of the sample that represents a class."""
    order_N = probabilities_NK[:, label].argsort(stable=True)
    place = order_N[_find_place(PERCENTILE, len(order_N))]
    if first_N[place] == label:
        return probabilities_NK[place]
    own_n = order_N[first_N[order_N] == label]
    if len(own_n) == 0:
        return torch.eye(probabilities_NK.shape[1], dtype=probabilities_NK.dtype, device=order_N.device)[
            label
        ]
    return probabilities_NK[own_n[_find_place(OWN_PERCENTILE, len(own_n))]]


def _find_place(percentile: float, count: int) -> int:
    return math.ceil(percentile * (count - 1))


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
