import math
from typing import Any

import numpy as np
import pytest
import torch

from models.paper import limit
from models.paper.limit import GradientModel
from models.paper.objectives import OBJECTIVES, ObjectiveConfig, Outcome, Outputs
from models.paper.score_scale import MAXIMUM_DISTANCE

A = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]])
B = torch.tensor([[1.0, 1.0, 0.0], [-2.0, 0.5, 0.5]])
LABELS = torch.tensor([0, 1])


def numpy_softmax(logits: torch.Tensor) -> np.ndarray:
    powers = np.exp(logits.detach().numpy().astype(np.float64))
    shares: np.ndarray = powers / powers.sum(1, keepdims=True)
    return shares


def outcome(method: str, a: torch.Tensor, b: torch.Tensor | None, **numbers: object) -> Outcome:
    config: dict[str, Any] = {
        "class_count": 3,
        "beta": 0.7,
        "sample_gradients": False,
        "noise_lambda": 50.0,
    } | numbers
    objective = OBJECTIVES[method](ObjectiveConfig(**config, noise_std=0.1, soft_lambda=0.1))
    outputs = Outputs(
        classifier_logits_BK=a, features_BD=torch.zeros(2, 5), predictor_logits_BK=b, labels_B=LABELS
    )
    return objective(outputs, torch.Generator().manual_seed(0))


def test_cross_entropy_gradient_is_what_autograd_finds() -> None:
    a = A.clone().requires_grad_()
    torch.nn.functional.cross_entropy(a, LABELS, reduction="sum").backward()
    torch.testing.assert_close(
        limit.compute_cross_entropy_gradient(A, limit.encode_one_hot(LABELS, 3)), a.grad
    )


@pytest.mark.parametrize("method", ["limit_g", "limit_l"])
def test_classifier_receives_the_predicted_gradient_over_the_batch_size(method: str) -> None:
    a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
    loss = outcome(method, a, b).classifier_loss
    (gradient_a,) = torch.autograd.grad(loss, a)
    expected = (numpy_softmax(A) - numpy_softmax(B)) / 2
    np.testing.assert_allclose(gradient_a.numpy(), expected, atol=1e-6)


def test_surrogate_with_the_true_gradient_is_cross_entropy_training() -> None:
    a = A.clone().requires_grad_()
    targets = limit.encode_one_hot(LABELS, 3)
    (ours,) = torch.autograd.grad(
        limit.compute_surrogate_loss(a, limit.compute_cross_entropy_gradient(a, targets)), a
    )
    (reference,) = torch.autograd.grad(torch.nn.functional.cross_entropy(a, LABELS), a)
    torch.testing.assert_close(ours, reference)


@pytest.mark.parametrize("method", ["limit_g", "limit_l"])
def test_no_gradient_passes_between_the_two_networks(method: str) -> None:
    a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
    result = outcome(method, a, b)
    assert result.predictor_loss is not None
    (of_a,) = torch.autograd.grad(result.predictor_loss, a, allow_unused=True, retain_graph=True)
    (of_b,) = torch.autograd.grad(result.classifier_loss, b, allow_unused=True)
    assert of_a is None
    assert of_b is None


@pytest.mark.parametrize(("method", "power"), [("limit_g", 2), ("limit_l", 1)])
def test_predictor_loss_is_equation_10(method: str, power: int) -> None:
    s_a, s_b, y = numpy_softmax(A), numpy_softmax(B), np.eye(3)[LABELS]
    fit = (np.abs(y - s_b) ** power).sum(1)
    expected = (fit + 0.7 * ((s_a - s_b) ** 2).sum(1)).mean()
    loss = outcome(method, A, B).predictor_loss
    assert loss is not None
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_laplace_error_is_twice_the_missing_probability() -> None:
    s_b = numpy_softmax(B)
    expected = 2 * (1 - s_b[np.arange(2), LABELS]).mean()
    loss = outcome("limit_l", A, B, beta=0.0).predictor_loss
    assert loss is not None
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_distance_is_that_of_labels_and_predictor_whatever_the_classifier_says() -> None:
    targets = limit.encode_one_hot(LABELS, 3)
    expected = np.linalg.norm(np.eye(3)[LABELS] - numpy_softmax(B), axis=1)
    np.testing.assert_allclose(limit.measure_distance(B, targets), expected, rtol=1e-6)
    for a in (A, -A, 10 * A):
        error = limit.compute_predicted_gradient(a, B) - limit.compute_cross_entropy_gradient(a, targets)
        np.testing.assert_allclose(error.norm(dim=1), expected, rtol=1e-5)


def test_distance_reaches_both_ends_of_its_range() -> None:
    sure = torch.tensor([[200.0, 0.0, 0.0], [200.0, 0.0, 0.0]])
    distances = limit.measure_distance(sure, limit.encode_one_hot(LABELS, 3))
    assert distances.tolist() == pytest.approx([0.0, MAXIMUM_DISTANCE])


@pytest.mark.parametrize(
    ("model", "variance"), [(GradientModel.GAUSSIAN, 1 / (2 * 5.0)), (GradientModel.LAPLACE, 2 / 5.0**2)]
)
def test_sampled_gradients_have_the_stated_mean_and_variance(model: GradientModel, variance: float) -> None:
    mean = torch.tensor([[0.3, -0.3]]).expand(200_000, 2)
    generator = torch.Generator().manual_seed(1)
    noise = limit.sample_gradient(mean, gradient_model=model, noise_lambda=5.0, generator=generator) - mean
    assert noise.mean().item() == pytest.approx(0, abs=4 * math.sqrt(variance / noise.numel()))
    assert noise.var().item() == pytest.approx(variance, rel=0.02)
    # The fourth moment over the variance squared tells the two laws apart: 3 for Gaussian, 6 for Laplace.
    kurtosis = (noise.double() ** 4).mean().item() / variance**2
    assert kurtosis == pytest.approx(3 if model is GradientModel.GAUSSIAN else 6, rel=0.05)


def test_sampling_changes_what_trains_the_classifier_and_nothing_else() -> None:
    plain, sampled = outcome("limit_g", A, B), outcome("limit_g", A, B, sample_gradients=True)
    assert plain.classifier_loss != sampled.classifier_loss
    assert plain.predictor_loss == sampled.predictor_loss
    assert torch.equal(plain.gradient_norm_B, sampled.gradient_norm_B)


def test_cross_entropy_judges_by_its_own_classifier() -> None:
    result = outcome("ce", A, None)
    assert result.predictor_loss is None
    assert result.classifier_loss.item() == pytest.approx(
        -np.log(numpy_softmax(A)[np.arange(2), LABELS]).mean(), rel=1e-6
    )
    np.testing.assert_allclose(
        result.gradient_norm_B, np.linalg.norm(np.eye(3)[LABELS] - numpy_softmax(A), axis=1), rtol=1e-6
    )
