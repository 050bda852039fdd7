"""The interface of an objective: its configuration, its input and its outcome.

Shape suffixes: B samples of a batch, K classes, D units before the last layer.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor


class Stage(StrEnum):
    """The state of a classifier's training; see `memorisation_onset`."""

    WEAK = "weak"
    """The classifier is reliable only where it is most confident."""
    RELIABLE = "reliable"
    """The classifier is nearly as reliable on all samples as where it is most confident, or it is too early
    to decide."""
    MEMORISING = "memorising"
    """The classifier has learned the classes, and its predictor begins to memorise single labels."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """The numbers that an objective can need; TrainingConfig describes them."""

    class_count: int
    beta: float
    sample_gradients: bool
    noise_lambda: float
    noise_std: float
    soft_lambda: float
    stage: Stage = Stage.RELIABLE
    """The stage of the classifier, for the method that chooses its loss by stage."""
    transition_KK: Tensor | None = None
    """T of the forward correction: row i is the distribution of the given labels of class i."""
    processes: int = 1
    """Number of processes that share every batch; the mean of each process's loss is divided by it."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The networks' outputs for one batch."""

    classifier_logits_BK: Tensor
    """a = f(x)."""
    features_BD: Tensor
    """z, the input of the classifier's last layer."""
    predictor_logits_BK: Tensor | None
    """b = q(x); None if the method has no predictor."""
    labels_B: Tensor
    """The given labels."""
    weight_B: Tensor | None = None
    """The weight of each sample's loss, with a mean of 1 over the data; None: 1. A label with weight 0 is
    never learned."""

    def average(self, loss_B: Tensor) -> Tensor:
        """Return the weighted mean over the batch."""
        return loss_B.mean() if self.weight_B is None else (loss_B * self.weight_B).mean()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The losses of one batch, and the values from which the signals are computed."""

    classifier_loss: Tensor
    """Scalar with the gradient that trains the classifier; the value of a surrogate loss has no meaning."""
    predictor_loss: Tensor | None
    """Scalar that trains the gradient predictor; None if the method has no predictor."""
    gradient_norm_B: Tensor
    """||mu||, the L2 norm of the predicted gradient; without a predictor ||g||, that of cross-entropy's."""
    scoring_logits_BK: Tensor
    """Logits of the scoring network: the predictor, or the classifier if there is no predictor."""

    in_sample_logits_BK: Tensor | None = None
    """Logarithms of the mean probabilities of the networks that learn the samples' labels, if other networks
    score them; None if one network does both."""

    def detach(self) -> "Outcome":
        """Return the same numbers without their graphs."""
        loss = self.predictor_loss
        return replace(
            self,
            classifier_loss=self.classifier_loss.detach(),
            predictor_loss=None if loss is None else loss.detach(),
        )


class Objective(Protocol):
    """A training method, as a function of the networks' outputs for one batch."""

    has_predictor: bool

    def compute_scoring_loss(self, outputs: Outputs, generator: torch.Generator, /) -> Tensor:
        """Return the scalar that trains the scoring network: the predictor, or else the classifier.

        Every sample's loss is multiplied by its weight.
        """
        ...

    def __call__(self, outputs: Outputs, generator: torch.Generator, /) -> Outcome:
        """Return the outcome of one batch; the method draws its random numbers from `generator`."""
        ...
