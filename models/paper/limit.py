"""The equations of LIMIT: limiting label memorisation in training (Harutyunyan et al., ICML 2020).

Shape suffixes: B samples of a batch, K classes. The paper's symbols:

    a = f(x)    classifier logits           s(.)  softmax over the classes
    b = q(x)    predictor logits            y     one-hot given labels
    g  = s(a) - y       the cross-entropy gradient at the logits of f
    mu = s(a) - s(b)    its prediction from the input; s(a) is detached

The predictor is fitted to the given labels, so they reach the classifier through mu.
"""

import math
from enum import StrEnum

import torch
from torch import Tensor
from torch.nn import functional


class GradientModel(StrEnum):
    """The variational distribution q(g | x) of sec. 3.3, which defines the predictor's loss."""

    GAUSSIAN = "gaussian"
    LAPLACE = "laplace"


def encode_one_hot(labels_B: Tensor, class_count: int) -> Tensor:
    """Return y, the given labels as float32 one-hot rows [B, K].

    torch's own function checks the labels first, and so waits for the device.
    """
    classes_K = torch.arange(class_count, device=labels_B.device)
    return (labels_B[:, None] == classes_K).float()


def compute_cross_entropy_gradient(logits_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Return g = s(a) - y [B, K], the gradient of each sample's cross-entropy at its logits."""
    return logits_BK.softmax(1) - targets_BK


def compute_predicted_gradient(classifier_logits_BK: Tensor, predictor_logits_BK: Tensor) -> Tensor:
    """Return mu = s(a) - s(b) [B, K]; no gradient reaches the classifier through s(a)."""
    return classifier_logits_BK.detach().softmax(1) - predictor_logits_BK.softmax(1)


def compute_predictor_loss(
    predicted_BK: Tensor, gradient_BK: Tensor, *, gradient_model: GradientModel, beta: float
) -> Tensor:
    """Return the objective of q, eq. 10, per sample [B].

    Gaussian (LIMIT_G): ||mu - g||_2^2; Laplace (LIMIT_L): ||mu - g||_1; both plus the penalty on the norm.
    """
    error_BK = predicted_BK - gradient_BK
    is_gaussian = gradient_model is GradientModel.GAUSSIAN
    fit_B = (error_BK.square() if is_gaussian else error_BK.abs()).sum(1)
    return fit_B + compute_norm_penalty(predicted_BK, beta=beta)


def compute_categorical_predictor_loss(
    predictor_logits_BK: Tensor, labels_B: Tensor, predicted_BK: Tensor, *, beta: float
) -> Tensor:
    """Return the objective of a q that is fitted to the labels by cross-entropy (LIMIT_C), per sample [B].

    -log s(b)[y] instead of a distance between gradients, as in the authors' later code, plus the penalty on
    the norm.
    """
    fit_B = functional.cross_entropy(predictor_logits_BK, labels_B, reduction="none")
    return fit_B + compute_norm_penalty(predicted_BK, beta=beta)


def compute_norm_penalty(predicted_BK: Tensor, *, beta: float) -> Tensor:
    """Return beta * ||mu||_2^2 [B], which limits the gradients' information about labels (Proposition 1)."""
    return beta * predicted_BK.square().sum(1)


def sample_gradient(
    predicted_BK: Tensor, *, gradient_model: GradientModel, noise_lambda: float, generator: torch.Generator
) -> Tensor:
    """Return mu + eps [B, K], the "+S" variant: a gradient drawn from q(g | x) instead of its mean.

    eps is Gaussian with standard deviation sqrt(1 / (2 lambda)), or Laplace with scale 1 / lambda.
    """
    shape, device = predicted_BK.shape, predicted_BK.device
    if gradient_model is GradientModel.GAUSSIAN:
        noise_BK = torch.randn(shape, generator=generator, device=device) * math.sqrt(0.5 / noise_lambda)
    else:
        # The difference of two exponentials with mean 1 is a Laplace variable with scale 1.
        rows_2BK = torch.rand((2, *shape), generator=generator, device=device)
        exponential_2BK = -torch.log1p(-rows_2BK)
        noise_BK = (exponential_2BK[0] - exponential_2BK[1]) / noise_lambda
    return predicted_BK + noise_BK


def compute_surrogate_loss(classifier_logits_BK: Tensor, gradient_BK: Tensor) -> Tensor:
    """Return a scalar whose gradient at the logits a is `gradient_BK` / B: Alg. 1's start of backpropagation.

    The division by B gives the step of a mean loss, so that LIMIT with mu = g is exactly cross-entropy
    training. The authors' code does not divide; Adam cancels the factor, plain gradient descent does not.
    """
    return compute_surrogate_losses(classifier_logits_BK, gradient_BK).mean()


def compute_surrogate_losses(classifier_logits_BK: Tensor, gradient_BK: Tensor) -> Tensor:
    """Return every sample's surrogate [B]; its gradient at the sample's logits is its `gradient_BK` row."""
    losses_B: Tensor = (classifier_logits_BK * gradient_BK.detach()).sum(1)
    return losses_B


def measure_distance(predictor_logits_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Return ||mu - g||_2 per sample [B], in [0, sqrt 2]; high = the given label is probably wrong.

    Both gradients contain the same s(a), so the classifier cancels: mu - g = y - s(b).
    """
    difference_BK: Tensor = targets_BK - predictor_logits_BK.softmax(1)
    distance_B: Tensor = torch.linalg.vector_norm(difference_BK, dim=1)
    return distance_B
