from typing import Any

import numpy as np
import pytest

from models.cross_fitting.cross_fitted import CrossFitted
from models.label_errors.label_error_model import CONSTANTS, Evidence, fit, gather_evidence
from models.label_errors.noise_rate import estimate_from_mixture
from models.training.signals import Signals

COUNT = 4_000


def told(
    *, agreement_ratio: float, with_classifier: bool = True, order_by: str = "average"
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return evidence of ten even classes, the labels, of which a fifth is wrong, and which are."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, COUNT)
    is_error = rng.random(COUNT) < 0.2
    labels = np.where(is_error, (truth + rng.integers(1, 10, COUNT)) % 10, truth)
    p = np.full((COUNT, 10), 0.03)
    p[np.arange(COUNT), truth] = 0.73
    given = p[np.arange(COUNT), labels].astype(np.float32)
    order = np.argsort(-p, axis=1, kind="stable")[:, :3]
    score = (np.where(is_error, 0.8, 0.2) + 0.1 * rng.random(COUNT)).astype(np.float32)
    signals = Signals(
        score=score,
        distance=score,
        distance_average=score,
        distance_last=score,
        predicted_gradient_norm=score,
        margin=-score,
        given_label_probability=given,
        top_labels_N3=order,
        top_probabilities_N3=np.take_along_axis(p, order, axis=1).astype(np.float32),
        loss=-np.log(given),
    )
    found = gather_evidence(
        signals,
        labels,
        score=order_by,
        agreement_ratio=agreement_ratio,
        classifier_probabilities_NK=p if with_classifier else None,
    )
    return found.to_arrays(), labels, is_error


@pytest.mark.parametrize("agreement_ratio", [0.5, 0.7, 0.9])
def test_errors_are_counted_flagged_and_calibrated(agreement_ratio: float) -> None:
    signals, labels, is_error = told(agreement_ratio=agreement_ratio)
    found = fit(Evidence.from_arrays(signals, labels))
    assert found.error_count / COUNT == pytest.approx(is_error.mean(), abs=0.03)
    low, high = found.error_count_interval
    assert low <= is_error.sum() <= high
    assert np.array_equal(found.is_label_issue_N, is_error)
    assert np.abs(found.error_probability_N - is_error).mean() < 0.1


def test_a_strong_classifiers_posterior_is_the_probabilities() -> None:
    signals, labels, _ = told(agreement_ratio=0.9)
    np.testing.assert_allclose(
        fit(Evidence.from_arrays(signals, labels)).error_probability_N, signals["error_posterior"], atol=1e-6
    )


def test_of_a_weak_classifier_the_score_says_which_labels_are_wrong() -> None:
    signals, labels, _ = told(agreement_ratio=0.5)
    signals["score"] = np.random.default_rng(1).permutation(signals["score"])
    probability = fit(Evidence.from_arrays(signals, labels)).error_probability_N
    assert (np.diff(probability[np.argsort(signals["score"], kind="stable")]) >= 0).all()


def test_a_label_that_is_suggested_is_no_issue() -> None:
    signals, labels, _ = told(agreement_ratio=0.9)
    signals["top_labels_N3"][:, 0] = labels
    assert not fit(Evidence.from_arrays(signals, labels)).is_label_issue_N.any()


def test_without_a_classifier_the_distances_tell() -> None:
    signals, labels, _ = told(agreement_ratio=0.5, with_classifier=False)
    assert "error_posterior" not in signals
    found = fit(Evidence.from_arrays(signals, labels))
    assert np.array_equal(
        found.is_label_issue_N,
        (found.error_probability_N > CONSTANTS.cut) & (signals["top_labels_N3"][:, 0] != labels),
    )
    top = signals["top_probabilities_N3"]
    disagrees = signals["top_labels_N3"][:, 0] != labels
    expected = estimate_from_mixture(
        0.0, confidence_N=top[:, 0] - top[:, 1], disagrees_N=disagrees, agreement_ratio=0.5
    )
    assert found.error_count / COUNT == pytest.approx(expected.centre, abs=1e-3)


def confused(
    *, agreement_ratio: float, reverse: int = 0, memorised: int = 0
) -> tuple[dict[str, Any], np.ndarray]:
    """Return evidence and labels of three classes; many of 0 are labelled 1, `reverse` of 1 are labelled 0.

    No label has a margin, and the classifier takes every sample for what it is; the scoring network takes
    the first `memorised` of class 0 for what they are called.
    """
    truth = np.repeat([0, 1, 2], 300)
    labels = truth.copy()
    labels[:120] = 1
    labels[300 : 300 + reverse] = 0
    p = np.full((900, 3), 0.05)
    p[np.arange(900), truth] = 0.9
    best = np.argsort(-p, axis=1, kind="stable")
    best[truth == 1] = [1, 2, 0]
    best[:memorised] = [1, 0, 2]
    flat = np.full(900, 0.5, np.float32)
    signals = Signals(
        score=flat,
        distance=flat,
        distance_average=flat,
        distance_last=flat,
        predicted_gradient_norm=flat,
        margin=np.zeros(900, np.float32),
        given_label_probability=flat,
        top_labels_N3=best,
        top_probabilities_N3=np.tile(np.array([0.45, 0.4, 0.15], np.float32), (900, 1)),
        loss=flat,
    )
    found = gather_evidence(
        signals, labels, score="margin", agreement_ratio=agreement_ratio, classifier_probabilities_NK=p
    )
    return found.to_arrays(), labels


@pytest.mark.parametrize("agreement_ratio", [0.5, 0.9])
def test_a_rival_that_is_labelled_so_and_not_the_other_way_is_likelier(agreement_ratio: float) -> None:
    found, _ = confused(agreement_ratio=agreement_ratio)
    wrong, right = found["score"][:120], found["score"][300:600]
    assert wrong.min() > right.max() + 0.1


@pytest.mark.parametrize("agreement_ratio", [0.5, 0.9])
def test_labels_that_go_both_ways_alike_change_nothing(agreement_ratio: float) -> None:
    found, _ = confused(agreement_ratio=agreement_ratio, reverse=120)
    assert found["score"] == pytest.approx(0.5, abs=1e-3)


def test_a_weak_networks_choice_follows_the_asymmetry_and_a_strong_ones_stays() -> None:
    # The scoring network takes the first 30 samples, of class 0, for what they are called: 1.
    for agreement_ratio, suggested in ((0.5, 0), (0.9, 1)):
        found, labels = confused(agreement_ratio=agreement_ratio, memorised=30)
        assert (labels[:30] == 1).all()
        assert (found["top_labels_N3"][:30, 0] == suggested).all()
        assert found["top_probabilities_N3"].sum(1) == pytest.approx(1, abs=1e-6)
        assert (np.diff(found["top_probabilities_N3"], axis=1) <= 0).all()


def test_several_folds_rank_by_the_margin_of_networks_that_learn_the_label() -> None:
    labels = np.array([0, 1, 1, 0])
    even = np.full((4, 3), 1 / 3, dtype=np.float32)
    seen = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], dtype=np.float32)
    zeros = np.zeros(4, dtype=np.float32)
    signals = Signals(
        score=zeros,
        distance=zeros,
        distance_average=zeros,
        distance_last=zeros,
        predicted_gradient_norm=zeros,
        margin=zeros,
        given_label_probability=zeros,
        top_labels_N3=np.tile(np.arange(3), (4, 1)),
        top_probabilities_N3=even,
        loss=zeros,
    )
    found = gather_evidence(
        signals,
        labels,
        score="margin",
        agreement_ratio=1.0,
        classifier_probabilities_NK=even,
        cross_fitted=CrossFitted(
            probabilities_NK=even, in_sample_probabilities_NK=seen, blind_N=np.arange(4) % 2
        ),
    )
    odds = np.array([0.6 / 0.3, 0.6 / 0.3, 0.1 / 0.8, 0.1 / 0.8])
    assert found.signals["score"] == pytest.approx(1 / (1 + odds**0.25), rel=1e-5)
    assert (found.signals["margin"] == 0).all(), "what is kept of it stays out of sample"
