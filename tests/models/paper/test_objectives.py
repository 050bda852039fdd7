import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.catalogue.methods import METHODS
from models.paper.objectives import OBJECTIVES, ObjectiveConfig, Outcome, Outputs, Stage
from models.paper.objectives.forward_correction import estimate_transition_matrix, find_unknown_classes

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0], [0.3, -0.2, 0.1], [1.0, 1.0, 1.0]])
LABELS = torch.tensor([0, 1, 2, 0])
Y = np.eye(3)[LABELS]
TRANSITIONS = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]])
SINGLE = ["ce", "ce_gn", "ce_ln", "mae", "fw", "dmi"]


def softmax(logits: torch.Tensor) -> np.ndarray:
    powers = np.exp(logits.detach().numpy().astype(np.float64))
    shares: np.ndarray = powers / powers.sum(1, keepdims=True)
    return shares


def evaluate(
    method: str,
    a: torch.Tensor,
    labels: torch.Tensor = LABELS,
    *,
    b: torch.Tensor | None = None,
    z: torch.Tensor | None = None,
    transitions: torch.Tensor | None = TRANSITIONS,
    **numbers: object,
) -> Outcome:
    config: dict[str, Any] = {
        "class_count": a.shape[1],
        "beta": 0.7,
        "sample_gradients": False,
        "noise_lambda": 50.0,
        "noise_std": 0.2,
        "soft_lambda": 0.3,
    } | numbers
    outputs = Outputs(
        classifier_logits_BK=a,
        features_BD=torch.ones(len(a), 2) if z is None else z,
        predictor_logits_BK=b,
        labels_B=labels,
    )
    objective = OBJECTIVES[method](ObjectiveConfig(**config, transition_KK=transitions))
    return objective(outputs, torch.Generator().manual_seed(0))


def gradient_at_logits(method: str, a: torch.Tensor = LOGITS, **given: Any) -> np.ndarray:  # noqa: ANN401 - passed on as they are
    leaf = a.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(evaluate(method, leaf, **given).classifier_loss, leaf)
    return gradient.numpy()


def test_every_method_has_an_objective() -> None:
    assert set(METHODS) == set(OBJECTIVES)


@pytest.mark.parametrize("method", SINGLE)
def test_a_lone_classifier_is_the_scoring_network(method: str) -> None:
    result = evaluate(method, LOGITS)
    assert result.predictor_loss is None
    assert torch.equal(result.scoring_logits_BK, LOGITS)
    np.testing.assert_allclose(result.gradient_norm_B, np.linalg.norm(Y - softmax(LOGITS), axis=1), rtol=1e-5)


def test_mae_by_hand() -> None:
    # One sample of two equal classes: |1 - 0.5| + |0 - 0.5| = 1.
    assert evaluate("mae", torch.zeros(1, 2), torch.tensor([1])).classifier_loss.item() == pytest.approx(1.0)
    s = softmax(LOGITS)
    expected = 2 * (1 - s[np.arange(4), LABELS]).mean()
    assert evaluate("mae", LOGITS).classifier_loss.item() == pytest.approx(expected, rel=1e-6)


def test_mae_gradient_fades_with_the_given_labels_probability() -> None:
    s = softmax(LOGITS)
    expected = 2 * s[np.arange(4), LABELS][:, None] * (s - Y) / 4
    np.testing.assert_allclose(gradient_at_logits("mae"), expected, atol=1e-7)


def test_cross_entropy_gradient_is_g_over_the_batch_size() -> None:
    np.testing.assert_allclose(gradient_at_logits("ce"), (softmax(LOGITS) - Y) / 4, atol=1e-7)


@pytest.mark.parametrize(("method", "kurtosis"), [("ce_gn", 3.0), ("ce_ln", 6.0)])
def test_noise_at_the_logits_has_the_stated_law(method: str, kurtosis: float) -> None:
    count = 60_000
    a, labels = torch.zeros(count, 3), torch.zeros(count, dtype=torch.int64)
    given = gradient_at_logits(method, a, labels=labels)
    noise = given.astype(np.float64) - (np.full(3, 1 / 3) - np.eye(3)[0]) / count
    assert noise.mean() == pytest.approx(0, abs=4 * 0.2 / math.sqrt(noise.size))
    assert noise.std() == pytest.approx(0.2, rel=0.02)
    assert (noise**4).mean() / 0.2**4 == pytest.approx(kurtosis, rel=0.06)


@pytest.mark.parametrize("method", ["ce_gn", "ce_ln"])
def test_noise_is_added_to_the_gradient_of_the_mean_not_of_each_sample(method: str) -> None:
    # Autograd's gradient of the mean cross-entropy plus noise of the stated size, whatever the batch size.
    leaf = LOGITS.clone().requires_grad_()
    (of_the_mean,) = torch.autograd.grad(functional.cross_entropy(leaf, LABELS), leaf)
    noise = gradient_at_logits(method) - of_the_mean.numpy()
    few, many = gradient_at_logits(method, noise_std=1e-3), gradient_at_logits(method, noise_std=1e3)
    np.testing.assert_allclose(few, of_the_mean, atol=0.01)
    np.testing.assert_allclose(many / 1e3, noise / 0.2, atol=1e-3)  # the same draws, of deviation 1
    repeated = gradient_at_logits(method, LOGITS.repeat(50, 1), labels=LABELS.repeat(50))
    assert repeated.std() == pytest.approx(0.2, rel=0.15)
    # Two processes: each one's gradient is halved, and so is its noise again.
    shared = gradient_at_logits(method, processes=2) - of_the_mean.numpy()
    np.testing.assert_allclose(shared, 2 * noise, atol=1e-6)


def test_forward_correction_by_hand() -> None:
    # s(a) = (1/2, 1/2), T = [[0.8, 0.2], [0.4, 0.6]]: s T = (0.6, 0.4).
    transitions = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
    result = evaluate("fw", torch.zeros(2, 2), torch.tensor([0, 1]), transitions=transitions)
    assert result.classifier_loss.item() == pytest.approx(-(math.log(0.6) + math.log(0.4)) / 2, rel=1e-6)


def test_forward_gradient_is_the_posterior_of_the_true_class() -> None:
    s, t = softmax(LOGITS), TRANSITIONS.numpy()[:, LABELS].T
    posterior = s * t / (s * t).sum(1, keepdims=True)
    np.testing.assert_allclose(gradient_at_logits("fw"), (s - posterior) / 4, atol=1e-6)


def test_forward_correction_without_noise_is_cross_entropy() -> None:
    ours = gradient_at_logits("fw", transitions=torch.eye(3))
    np.testing.assert_allclose(ours, gradient_at_logits("ce"), atol=1e-6)


def test_an_impossible_transition_costs_a_finite_loss() -> None:
    transitions = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    result = evaluate("fw", torch.zeros(2, 2), torch.tensor([0, 1]), transitions=transitions)
    assert result.classifier_loss.item() == pytest.approx(-math.log(1e-7) / 2, rel=1e-6)


def test_transition_matrix_of_a_toy_case_by_hand() -> None:
    # 101 samples, whose probability of class 0 is 0.00, 0.01, .. 1.00 in a mixed order. The 97th percentile
    # is the sample with 0.97 for class 0; for class 1 it is the one with 1 - 0.03 = 0.97.
    first = torch.from_numpy(np.random.default_rng(0).permutation(101) / 100)
    matrix = estimate_transition_matrix(torch.stack([first, 1 - first], dim=1))
    np.testing.assert_allclose(matrix, [[0.97, 0.03], [0.03, 0.97]], atol=1e-12)


def test_transition_matrix_leaves_outliers_aside_and_normalises() -> None:
    probabilities = torch.tensor([[0.5, 0.3]] * 76 + [[0.6, 0.2]] * 2 + [[0.3, 0.6]] * 20 + [[0.1, 0.9]] * 3)
    # Class 0, sorted: three 0.1, twenty 0.3, then 0.5 up to place 98 of 0 .. 100, 0.6 at 99 and 100.
    # Place 97 is a (0.5, 0.3). Class 1: two 0.2, then 0.3 up to place 77, 0.6 up to 97, 0.9 from 98.
    expected = [[0.625, 0.375], [1 / 3, 2 / 3]]
    np.testing.assert_allclose(estimate_transition_matrix(probabilities), expected, atol=1e-6)


def test_no_class_of_forty_takes_the_row_of_another() -> None:
    # Class i has 25 samples, with 60 to 84 % for their own class and some for the next:
    # 3 % of all 1,000 samples are more than the 25 of a class.
    classes = 40
    labels = torch.arange(1_000) % classes
    probabilities = torch.full((1_000, classes), 1e-4)
    own = 0.6 + 0.01 * (torch.arange(1_000) // classes)
    probabilities[torch.arange(1_000), labels] = own
    probabilities[torch.arange(1_000), (labels + 1) % classes] = 0.4 * (1 - own)
    matrix = estimate_transition_matrix(probabilities)
    assert matrix.argmax(1).tolist() == list(range(classes))
    # The sample at place 17 of 0 .. 24: 0.77 and 0.092.
    expected = (0.77 / (0.77 + 0.092 + 38e-4), 0.092 / (0.77 + 0.092 + 38e-4))
    assert (float(matrix[39, 39]), float(matrix[39, 0])) == pytest.approx(expected, rel=1e-5)
    assert find_unknown_classes(probabilities) == []


def test_of_a_class_that_is_never_chosen_no_row_is_known() -> None:
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]] * 20)
    assert find_unknown_classes(probabilities) == [2]
    np.testing.assert_allclose(estimate_transition_matrix(probabilities)[2], [0, 0, 1])


def test_dmi_by_hand() -> None:
    # Y^T S = [[0.5 + 0.9, 0.5 + 0.1], [0.2, 0.8]]: its determinant is 1.4 * 0.8 - 0.6 * 0.2 = 1.
    probabilities = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    result = evaluate("dmi", probabilities.log(), torch.tensor([0, 0, 1]))
    assert result.classifier_loss.item() == pytest.approx(-math.log(1.001), abs=1e-6)


def test_dmi_gradient_is_that_of_the_inverse() -> None:
    labels = torch.tensor([0, 1, 2, 1])
    s, y = softmax(LOGITS), np.eye(3)[labels]
    confusion = y.T @ s
    determinant = abs(np.linalg.det(confusion))
    by_s = -determinant / (determinant + 1e-3) * y @ np.linalg.inv(confusion).T
    expected = s * (by_s - (s * by_s).sum(1, keepdims=True))
    np.testing.assert_allclose(gradient_at_logits("dmi", labels=labels), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [2, 1]])
def test_dmi_of_a_batch_that_lacks_a_class_stays_finite(labels: list[int]) -> None:
    given = torch.tensor(labels)
    assert evaluate("dmi", LOGITS[: len(given)], given).classifier_loss.item() == pytest.approx(
        -math.log(1e-3), rel=1e-5
    )
    assert np.isfinite(gradient_at_logits("dmi", LOGITS[: len(given)], labels=given)).all()


def test_dmi_of_many_classes_leaves_float32s_range_safely() -> None:
    labels = torch.arange(2_560) % 128
    a = 20 * functional.one_hot(labels, 128).float()
    # U is nearly 20 on the diagonal: its determinant 20^128 = 10^166.5 does not fit float32.
    expected = -128 * math.log(20)
    assert evaluate("dmi", a, labels).classifier_loss.item() == pytest.approx(expected, rel=1e-4)


def test_soft_regularisation_by_hand() -> None:
    # s(a) = s(b) = (1/2, 1/2), ||z||^2 = 9 + 16 = 25, ||y - s(b)||^2 = 1/2, the second penalty is 0.
    a = torch.zeros(1, 2)
    result = evaluate(
        "soft_regularisation", a, torch.tensor([0]), b=a, z=torch.tensor([[3.0, 4.0]]), soft_lambda=0.1
    )
    assert result.classifier_loss.item() == pytest.approx(math.log(2) + 0.1 * 25 / 2, rel=1e-6)
    assert result.predictor_loss is not None
    assert result.predictor_loss.item() == pytest.approx(0.1 * 25 / 2, rel=1e-6)


def test_soft_regularisation_descends_on_equation_8_in_both_networks() -> None:
    generator = torch.Generator().manual_seed(2)
    weight, z, b = (torch.randn(shape, generator=generator) for shape in ((3, 5), (4, 5), (4, 3)))
    z.requires_grad_()
    b.requires_grad_()
    a = z @ weight.T
    result = evaluate("soft_regularisation", a, b=b, z=z, beta=0.7, soft_lambda=0.3)
    assert result.predictor_loss is not None
    ours = torch.autograd.grad(result.classifier_loss + result.predictor_loss, (z, b), retain_graph=True)

    # Eq. 8 from the weights' gradients themselves: g z^T and mu z^T as outer products, Frobenius norms.
    y = torch.from_numpy(Y).float()
    g = torch.einsum("bk,bd->bkd", a.softmax(1) - y, z)
    mu = torch.einsum("bk,bd->bkd", a.softmax(1) - b.softmax(1), z)
    penalties = 0.3 * (g - mu).square().sum((1, 2)) + 0.7 * mu.square().sum((1, 2))
    whole = functional.cross_entropy(a, LABELS) + penalties.mean()
    for ours_of, theirs_of in zip(ours, torch.autograd.grad(whole, (z, b)), strict=True):
        torch.testing.assert_close(ours_of, theirs_of)
    assert torch.equal(result.scoring_logits_BK, b)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_two_classes_and_a_single_sample(method: str) -> None:
    a = torch.tensor([[0.4, -0.2]], requires_grad=True)
    has_predictor = OBJECTIVES[method](
        ObjectiveConfig(
            class_count=2, beta=1.0, sample_gradients=False, noise_lambda=1.0, noise_std=0.1, soft_lambda=0.1
        )
    ).has_predictor
    b = torch.tensor([[0.1, 0.3]]) if has_predictor else None
    result = evaluate(method, a, torch.tensor([1]), b=b, transitions=torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    (gradient,) = torch.autograd.grad(result.classifier_loss, a)
    assert torch.isfinite(gradient).all()
    assert result.gradient_norm_B.shape == (1,)


def predictor_gradient(method: str, **numbers: Any) -> np.ndarray:  # noqa: ANN401 - passed on as they are
    b = LOGITS.flip(0).clone().requires_grad_()
    loss = evaluate(method, LOGITS, b=b, **numbers).predictor_loss
    assert loss is not None
    (gradient,) = torch.autograd.grad(loss, b)
    return gradient.numpy()


def test_a_categorical_predictor_follows_the_cross_entropy_of_the_labels() -> None:
    expected = (softmax(LOGITS.flip(0)) - Y) / len(Y)
    np.testing.assert_allclose(predictor_gradient("limit_c", beta=0.0), expected, rtol=1e-5, atol=1e-7)


def test_limit_by_evidence_is_gaussian_with_weak_networks_categorical_and_laplace_with_settled_ones() -> None:
    first, weak, memorising = (
        predictor_gradient("limit", **stage)
        for stage in ({}, {"stage": Stage.WEAK}, {"stage": Stage.MEMORISING})
    )
    np.testing.assert_array_equal(first, predictor_gradient("limit_g"))
    np.testing.assert_array_equal(weak, predictor_gradient("limit_c"))
    np.testing.assert_array_equal(memorising, predictor_gradient("limit_l", beta=3 * 0.7))
    assert not np.allclose(first, memorising)
    assert not np.allclose(first, weak)
