from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import approx_fprime
from scipy.special import softmax

from models.error_model.assumptions import CONSTANTS
from models.error_model.forward_model import (
    ForwardModel,
    error_probability,
    fit_forward,
    infer_true_class,
    penalised_loss,
    pose_problem,
    take_logs,
)

CLASSES = 3
Array = npt.NDArray[Any]


def drawn(
    count: int, transition_KK: list[list[float]], seed: int, sharpness: float = 4.0
) -> tuple[Array, Array, Array]:
    """Return probabilities of the true classes, labels by transitions, and the true classes."""
    random = np.random.default_rng(seed)
    probabilities_NK = softmax(sharpness * random.normal(size=(count, CLASSES)), axis=1)
    true_N = (probabilities_NK.cumsum(1) < random.random((count, 1))).sum(1).clip(0, CLASSES - 1)
    rows_NK = np.array(transition_KK)[true_N]
    labels_N = (rows_NK.cumsum(1) < random.random((count, 1))).sum(1).clip(0, CLASSES - 1)
    return probabilities_NK, labels_N, true_N


UNEVEN = [[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.1, 0.1, 0.8]]


def test_transitions_and_scale_are_found_again() -> None:
    probabilities_NK, labels_N, true_N = drawn(6_000, UNEVEN, 0)
    logs_MNK = take_logs([probabilities_NK])
    model = fit_forward(logs_MNK, labels_N)
    assert model.transition_KK == pytest.approx(np.array(UNEVEN), abs=0.05)
    assert model.scale_M[0] == pytest.approx(1.0, abs=0.15)
    wrong_N = error_probability(infer_true_class(model, logs_MNK, labels_N), labels_N)
    assert wrong_N.mean() == pytest.approx((labels_N != true_N).mean(), abs=0.02)


def test_too_flat_probabilities_are_sharpened_without_any_truth() -> None:
    probabilities_NK, labels_N, true_N = drawn(6_000, UNEVEN, 1)
    flat_NK = probabilities_NK**0.25 / (probabilities_NK**0.25).sum(1, keepdims=True)
    logs_MNK = take_logs([flat_NK])
    model = fit_forward(logs_MNK, labels_N)
    assert model.scale_M[0] == pytest.approx(4.0, rel=0.15)
    wrong_N = error_probability(infer_true_class(model, logs_MNK, labels_N), labels_N)
    assert wrong_N.mean() == pytest.approx((labels_N != true_N).mean(), abs=0.02)


@pytest.mark.parametrize("evenness", [0.0, 3.0])
def test_the_gradient_is_that_of_the_loss(evenness: float) -> None:
    probabilities_NK, labels_N, _ = drawn(40, UNEVEN, 2)
    logs_MNK = take_logs([probabilities_NK, np.roll(probabilities_NK, 1, axis=0)])
    weight_N = np.random.default_rng(0).integers(0, 3, 40).astype(float)
    problem = pose_problem(logs_MNK, labels_N, weight_N, CONSTANTS, evenness)
    point = np.random.default_rng(1).uniform(0.2, 1.2, 2 + CLASSES + CLASSES**2)
    _, gradient = penalised_loss(point, problem)
    numeric = approx_fprime(point, lambda vector: penalised_loss(vector, problem)[0], 1e-6)
    assert gradient == pytest.approx(numeric, abs=1e-3)


def test_the_posterior_is_bayes_rule() -> None:
    model = ForwardModel(
        scale_M=np.array([1.0]),
        bias_K=np.zeros(2),
        transition_KK=np.array([[0.9, 0.1], [0.4, 0.6]]),
        evenness=0.0,
        log_likelihood=0.0,
    )
    logs_MNK = take_logs([np.array([[0.25, 0.75]])])
    true_class = infer_true_class(model, logs_MNK, np.array([0]))
    # 0.25 * 0.9 against 0.75 * 0.4
    assert true_class.posterior_NK[0] == pytest.approx([0.225 / 0.525, 0.3 / 0.525])
    assert error_probability(true_class, np.array([0]))[0] == pytest.approx(0.3 / 0.525)
