"""Cross-entropy (CE), also with noise added to its gradient at the logits (CE + GN, CE + LN)."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from models.paper import limit
from models.paper.limit import GradientModel
from models.paper.objectives.objective import Objective, ObjectiveConfig, Outputs
from models.paper.objectives.single_network import SingleNetwork


class CrossEntropy(SingleNetwork):
    """Plain cross-entropy training of one network; also the parent run of FW, DMI and "+ init."."""

    def __init__(self, _: ObjectiveConfig) -> None:
        pass

    def compute_scoring_loss(self, outputs: Outputs, _: torch.Generator, /) -> Tensor:
        """Return the cross-entropy; its gradient is g = s(a) - y."""
        logits_BK, labels_B = outputs.classifier_logits_BK, outputs.labels_B
        if outputs.weight_B is None:
            return functional.cross_entropy(logits_BK, labels_B)
        return outputs.average(functional.cross_entropy(logits_BK, labels_B, reduction="none"))


class NoisyCrossEntropy(SingleNetwork):
    """Cross-entropy with the gradient g + eps at the logits; E eps = 0, equal deviation in every entry."""

    def __init__(self, config: ObjectiveConfig, noise_model: GradientModel) -> None:
        self._class_count = config.class_count
        self._noise_model = noise_model
        self._noise_lambda = compute_noise_lambda(config.noise_std, noise_model)

    def compute_scoring_loss(self, outputs: Outputs, generator: torch.Generator, /) -> Tensor:
        """Return a surrogate with a noisy g; the comparison shows that LIMIT does more than add noise."""
        logits_BK = outputs.classifier_logits_BK
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._class_count)
        noisy_BK = limit.sample_gradient(
            limit.compute_cross_entropy_gradient(logits_BK.detach(), targets_BK),
            gradient_model=self._noise_model,
            noise_lambda=self._noise_lambda,
            generator=generator,
        )
        return outputs.average(limit.compute_surrogate_losses(logits_BK, noisy_BK))


def compute_noise_lambda(deviation: float, noise_model: GradientModel) -> float:
    """Return the lambda with which `limit.sample_gradient` adds noise of this standard deviation.

    Gaussian: variance 1 / (2 lambda). Laplace: scale 1 / lambda, so variance 2 / lambda^2.
    """
    is_gaussian = noise_model is GradientModel.GAUSSIAN
    return 0.5 / deviation**2 if is_gaussian else math.sqrt(2) / deviation


def make_ce_gn(config: ObjectiveConfig) -> Objective:
    """Return CE + GN: Gaussian noise."""
    return NoisyCrossEntropy(config, GradientModel.GAUSSIAN)


def make_ce_ln(config: ObjectiveConfig) -> Objective:
    """Return CE + LN: Laplace noise."""
    return NoisyCrossEntropy(config, GradientModel.LAPLACE)
