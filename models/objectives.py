"""What each method trains: one Objective per method, found by its name.

Shape suffixes: B samples of a batch, K classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from models import limit


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """The numbers an objective may need; see TrainingConfig for their meaning."""

    class_count: int
    beta: float
    sample_gradients: bool
    noise_lambda: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one batch tells: the losses to descend on, and what the signals are made of."""

    classifier_loss: Tensor
    """Scalar with the gradient that trains the classifier; its value means nothing for LIMIT."""
    predictor_loss: Tensor | None
    """Scalar that trains the gradient predictor; None where the method has no predictor."""
    gradient_norm_B: Tensor
    """L2 norm of the gradient the classifier is trained with, before sampling: ||mu|| for LIMIT."""
    judge_logits_BK: Tensor
    """Logits of the network that judges the given labels: the predictor's, or a lone classifier's."""


class Objective(Protocol):
    """A training method as a function of one batch's logits."""

    has_predictor: bool

    def __call__(
        self,
        classifier_logits_BK: Tensor,
        predictor_logits_BK: Tensor | None,
        labels_B: Tensor,
        generator: torch.Generator,
    ) -> Outcome:
        """Judge one batch; `generator` feeds whatever randomness the method has."""
        ...


class Limit:
    """LIMIT_G or LIMIT_L: the classifier descends on gradients predicted without labels (Alg. 1)."""

    has_predictor = True

    def __init__(self, config: ObjectiveConfig, gradient_model: limit.GradientModel) -> None:
        self._config = config
        self._gradient_model = gradient_model

    def __call__(
        self,
        classifier_logits_BK: Tensor,
        predictor_logits_BK: Tensor | None,
        labels_B: Tensor,
        generator: torch.Generator,
    ) -> Outcome:
        """Follow Alg. 1: predict the gradient, train f with it, and q to predict it better."""
        assert predictor_logits_BK is not None
        targets_BK = limit.one_hot(labels_B, self._config.class_count)
        gradient_BK = limit.cross_entropy_gradient(classifier_logits_BK.detach(), targets_BK)
        predicted_BK = limit.predicted_gradient(classifier_logits_BK, predictor_logits_BK)
        loss_B = limit.predictor_loss(
            predicted_BK, gradient_BK, gradient_model=self._gradient_model, beta=self._config.beta
        )
        return Outcome(
            classifier_loss=limit.surrogate_loss(classifier_logits_BK, self._used(predicted_BK, generator)),
            predictor_loss=loss_B.mean(),
            gradient_norm_B=torch.linalg.vector_norm(predicted_BK.detach(), dim=1),
            judge_logits_BK=predictor_logits_BK.detach(),
        )

    def _used(self, predicted_BK: Tensor, generator: torch.Generator) -> Tensor:
        """Return the gradient that trains f: the mean of q(g | x), or with "+S" a sample of it."""
        if not self._config.sample_gradients:
            return predicted_BK
        return limit.sample_gradient(
            predicted_BK.detach(),
            gradient_model=self._gradient_model,
            noise_lambda=self._config.noise_lambda,
            generator=generator,
        )


class CrossEntropy:
    """Plain cross-entropy training of one network; also the parent run of "+ init."."""

    has_predictor = False

    def __init__(self, config: ObjectiveConfig) -> None:
        self._class_count = config.class_count

    def __call__(
        self,
        classifier_logits_BK: Tensor,
        predictor_logits_BK: Tensor | None,
        labels_B: Tensor,
        generator: torch.Generator,
    ) -> Outcome:
        """Train with g itself, so the gradient's norm is the distance ||y - s(a)||."""
        del predictor_logits_BK, generator
        judge_logits_BK = classifier_logits_BK.detach()
        targets_BK = limit.one_hot(labels_B, self._class_count)
        return Outcome(
            classifier_loss=functional.cross_entropy(classifier_logits_BK, labels_B),
            predictor_loss=None,
            gradient_norm_B=limit.distance(judge_logits_BK, targets_BK),
            judge_logits_BK=judge_logits_BK,
        )


def _limit_g(config: ObjectiveConfig) -> Objective:
    return Limit(config, limit.GradientModel.GAUSSIAN)


def _limit_l(config: ObjectiveConfig) -> Objective:
    return Limit(config, limit.GradientModel.LAPLACE)


OBJECTIVES: Mapping[str, Callable[[ObjectiveConfig], Objective]] = {
    "limit_g": _limit_g,
    "limit_l": _limit_l,
    "ce": CrossEntropy,
}
"""Every training method by its name in a configuration."""
