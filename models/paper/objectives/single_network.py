"""The base of methods without a predictor: the classifier scores the labels."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from models.paper import limit
from models.paper.objectives.objective import Outcome, Outputs


class SingleNetwork(ABC):
    """A method with one network, the classifier, which is trained with the labels and scores them."""

    has_predictor = False

    @abstractmethod
    def compute_scoring_loss(self, outputs: Outputs, generator: torch.Generator, /) -> Tensor:
        """Return the method's loss for the batch."""

    def __call__(self, outputs: Outputs, generator: torch.Generator, /) -> Outcome:
        """Return the outcome; the distance ||y - s(a)|| is also the norm of cross-entropy's gradient g."""
        logits_BK = outputs.classifier_logits_BK.detach()
        targets_BK = limit.encode_one_hot(outputs.labels_B, logits_BK.shape[1])
        return Outcome(
            classifier_loss=self.compute_scoring_loss(outputs, generator),
            predictor_loss=None,
            gradient_norm_B=limit.measure_distance(logits_BK, targets_BK),
            scoring_logits_BK=logits_BK,
        )
