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
    """Cross-entropy whose gradient at the logits gets noise; the noise has mean 0 and one deviation.

    The paper adds the noise to the gradient that training uses, that of the *mean* cross-entropy of a batch:
    row i of it is g_i / B, and the network descends on g_i / B + eps_i. The loss is therefore

        mean_i <a_i, g_i> + sum_i <a_i, eps_i>,   with g and eps constant,

    whose gradient at a_i is g_i / B + eps_i. The mean over both terms would give (g_i + eps_i) / B: noise
    that is B times weaker. Processes that share a batch divide once more, by their number, so eps is
    multiplied by it first.
    """

    def __init__(self, config: ObjectiveConfig, noise_model: GradientModel) -> None:
        self._class_count = config.class_count
        self._noise_model = noise_model
        self._noise_lambda = compute_noise_lambda(config.noise_std, noise_model)
        self._processes = config.processes

    def compute_scoring_loss(self, outputs: Outputs, generator: torch.Generator, /) -> Tensor:
        """Return a surrogate with the noisy gradient; it shows that LIMIT does more than add noise."""
        logits_BK = outputs.classifier_logits_BK
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._class_count)
        gradient_BK = limit.compute_cross_entropy_gradient(logits_BK.detach(), targets_BK)
        noise_BK = self._processes * limit.sample_gradient(
            torch.zeros_like(gradient_BK),
            gradient_model=self._noise_model,
            noise_lambda=self._noise_lambda,
            generator=generator,
        )
        of_labels = outputs.average(limit.compute_surrogate_losses(logits_BK, gradient_BK))
        return of_labels + limit.compute_surrogate_losses(logits_BK, noise_BK).sum()


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
