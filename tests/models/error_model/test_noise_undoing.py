"""Sources learned labels as they are given: the noise in them is undone where the labels bear that out."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.error_model.assumptions import Constants
from models.error_model.estimate import fit
from models.error_model.noise_undoing import fit_to_sources, undo_noise
from models.error_model.sample_evidence import Evidence
from tests.models.error_model.test_estimate import CLASSES, blobs, with_noise

Array = npt.NDArray[Any]
BOTH_WAYS_KK = np.array([[0.7, 0.3, 0, 0], [0.3, 0.7, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def learned_both_ways(count: int) -> tuple[Array, Array, Array]:
    """Return labels, truth, and what a network says that learned such labels from a few samples."""
    _, true_N, probabilities_NK = blobs(count, 2.0)
    random = np.random.default_rng(0)
    labels_N = np.array([random.choice(CLASSES, p=BOTH_WAYS_KK[true]) for true in true_N])
    learned_NK = (probabilities_NK + 1e-3) @ BOTH_WAYS_KK
    learned_NK *= np.exp(0.4 * random.normal(size=probabilities_NK.shape))
    return labels_N, true_N, learned_NK / learned_NK.sum(1, keepdims=True)


def test_true_classes_come_back() -> None:
    _, _, probabilities_NK = blobs(500, 3.0)
    undone_NK = undo_noise(probabilities_NK @ BOTH_WAYS_KK, BOTH_WAYS_KK)
    assert undone_NK.sum(1) == pytest.approx(1, abs=1e-5)
    assert np.abs(undone_NK - probabilities_NK).mean() < 0.01
    assert undo_noise(np.array([[0.7, 0.3, 0, 0]]), BOTH_WAYS_KK)[0] == pytest.approx([1, 0, 0, 0], abs=0.05)
    assert undo_noise(np.array([[0.5, 0.5, 0, 0]]), BOTH_WAYS_KK)[0] == pytest.approx(
        [0.5, 0.5, 0, 0], abs=0.01
    )


def test_errors_both_ways_are_counted_and_sure() -> None:
    labels_N, true_N, learned_NK = learned_both_ways(1_500)
    evidence = Evidence(labels_N=labels_N, probabilities_NK=learned_NK)
    is_error_N = labels_N != true_N
    estimate = fit(evidence)
    assert estimate.may_claim
    assert estimate.claim.centre == pytest.approx(is_error_N.mean(), rel=0.1)
    assert estimate.error_probability_N[is_error_N].mean() > 0.7
    assert is_error_N[estimate.error_probability_N >= 0.9].mean() > 0.9
    as_they_are = fit(evidence, constants=Constants(undoing_rounds=0))
    assert as_they_are.error_probability_N[is_error_N].mean() < 0.65
    assert as_they_are.claim.centre < 0.9 * is_error_N.mean()


def test_what_makes_the_labels_no_likelier_is_not_undone() -> None:
    _, true_N, probabilities_NK = blobs(1_000, 3.0)
    model = fit_to_sources([probabilities_NK], with_noise(true_N, 0.2))
    assert model.undone_KK is None


def test_undoing_makes_the_labels_likelier() -> None:
    labels_N, _, learned_NK = learned_both_ways(1_500)
    model = fit_to_sources([learned_NK], labels_N)
    plain = fit_to_sources([learned_NK], labels_N, Constants(undoing_rounds=0))
    assert plain.undone_KK is None
    assert model.undone_KK is not None
    assert 1_500 * (model.log_likelihood - plain.log_likelihood) > 1
    assert model.transition_KK[:2, :2] == pytest.approx(BOTH_WAYS_KK[:2, :2], abs=0.06)
