"""Held-out labels say how evenly wrong labels are spread."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax

from models.error_model.assumptions import CONSTANTS
from models.error_model.forward_model import error_probability, fit_forward, infer_true_class, take_logs
from models.error_model.noise_evenness import choose_evenness

CLASSES = 12
Array = npt.NDArray[Any]


def confused(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Return what a weak network says of clean labels: every class has one that it is taken for."""
    random = np.random.default_rng(seed)
    true_N = random.integers(0, CLASSES, count)
    logits_NK = 1.2 * random.normal(size=(count, CLASSES))
    logits_NK[np.arange(count), true_N] += 3.0
    return softmax(logits_NK, axis=1), true_N


def rate(logs_MNK: Array, labels_N: Array, evenness: float) -> float:
    model = fit_forward(logs_MNK, labels_N, evenness=evenness)
    return float(error_probability(infer_true_class(model, logs_MNK, labels_N), labels_N).mean())


def test_errors_in_any_direction_are_spread_evenly_and_counted_better() -> None:
    probabilities_NK, true_N = confused(500)
    random = np.random.default_rng(1)
    is_error_N = random.random(500) < 0.3
    labels_N = np.where(is_error_N, (true_N + random.integers(1, CLASSES, 500)) % CLASSES, true_N)
    logs_MNK = take_logs([probabilities_NK])
    chosen = choose_evenness(logs_MNK, labels_N)
    assert chosen >= 3
    apart = {each: abs(rate(logs_MNK, labels_N, each) - is_error_N.mean()) for each in (0.0, chosen)}
    assert apart[chosen] <= apart[0.0]


def test_errors_in_one_direction_keep_their_structure() -> None:
    probabilities_NK, true_N = confused(1_500)
    is_error_N = np.random.default_rng(1).random(1_500) < 0.35
    labels_N = np.where(is_error_N, (true_N + 1) % CLASSES, true_N)
    logs_MNK = take_logs([probabilities_NK])
    chosen = choose_evenness(logs_MNK, labels_N)
    assert chosen <= 0.3
    assert rate(logs_MNK, labels_N, chosen) == pytest.approx(is_error_N.mean(), abs=0.04)


def test_two_classes_have_nothing_to_spread() -> None:
    assert choose_evenness(np.zeros((1, 50, 2)), np.arange(50) % 2) == CONSTANTS.evenness[0]
