"""Evidence about a random part of the samples, what follows for the others, and the suggested labels."""

from typing import Any

import numpy as np
import pytest

from models.error_model.estimate import fit
from models.error_model.fitted_models import has_too_many_classes
from models.error_model.rank_transfer import transfer_by_rank
from models.error_model.sample_evidence import Evidence
from models.error_model.suggestions import choose_suggestions
from tests.models.error_model.test_estimate import CLASSES, blobs, with_noise


def test_others_get_the_probability_at_the_same_place_of_the_ranking() -> None:
    probability_B, score_B = np.array([0.1, 0.9, 0.2, 0.6]), np.array([1.0, 4.0, 2.0, 3.0])
    # Other scores altogether, and the same places.
    moved = transfer_by_rank(probability_B, score_B, np.array([80.0, 20.0, 60.0, 40.0]))
    assert moved.tolist() == [0.9, 0.1, 0.6, 0.2]
    twice = transfer_by_rank(probability_B, score_B, np.arange(8.0))
    assert (np.diff(twice) >= 0).all()
    assert twice.mean() == pytest.approx(probability_B.mean())


def test_probabilities_that_the_ranking_does_not_bear_out_are_evened() -> None:
    moved = transfer_by_rank(np.array([0.8, 0.2]), np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert moved.tolist() == [0.5, 0.5]


def partial(rate: float, share: float) -> tuple[Evidence, Any]:
    """Return evidence that is out of sample for a part; elsewhere the network repeats the labels."""
    _, true_N, probabilities_NK = blobs(3_000, 3.0)
    labels_N = with_noise(true_N, rate)
    random = np.random.default_rng(5)
    is_known_N = random.random(3_000) < share
    memorised_NK = 0.5 * np.eye(CLASSES)[labels_N] + 0.5 * probabilities_NK
    given_N = np.where(
        is_known_N,
        probabilities_NK[np.arange(3_000), labels_N],
        memorised_NK[np.arange(3_000), labels_N],
    )
    evidence = Evidence(
        labels_N=labels_N,
        probabilities_NK=np.where(is_known_N[:, None], probabilities_NK, memorised_NK),
        is_out_of_sample_N=is_known_N,
        score_N=1 - given_N,
    )
    return evidence, labels_N != true_N


def test_a_part_counts_for_all() -> None:
    evidence, is_error_N = partial(0.3, 0.2)
    estimate = fit(evidence)
    assert estimate.may_claim
    assert estimate.error_count == pytest.approx(is_error_N.sum(), rel=0.12)
    low, high = estimate.error_count_interval
    assert low <= is_error_N.sum() <= high
    assert estimate.joint_KK.sum() == pytest.approx(3_000)
    assert estimate.ranking_probability_N.mean() == pytest.approx(is_error_N.mean(), rel=0.12)
    rest_N = ~(evidence.is_out_of_sample_N if evidence.is_out_of_sample_N is not None else is_error_N)
    certain_N = rest_N & (estimate.error_probability_N > 0.9)
    assert is_error_N[certain_N].mean() > 0.85


def test_a_part_that_is_too_small_counts_nothing() -> None:
    evidence, _ = partial(0.3, 0.01)
    estimate = fit(evidence)
    assert not estimate.may_claim
    assert any("too few" in reason for reason in estimate.reasons)


def test_only_counted_samples_enter_the_joint() -> None:
    _, true_N, probabilities_NK = blobs(900, 3.0)
    labels_N = with_noise(true_N, 0.2)
    counted_N = np.arange(900) < 600
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK)
    joint_KK = fit(evidence, counted_N=counted_N).joint_KK
    assert joint_KK.sum(0) == pytest.approx(np.bincount(labels_N[:600], minlength=CLASSES))


def test_the_given_label_is_suggested_unless_something_speaks_against_it() -> None:
    _, true_N, probabilities_NK = blobs(1_500, 3.0)
    labels_N = with_noise(true_N, 0.2)
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK.astype(np.float16))
    estimate = fit(evidence)
    found = choose_suggestions(estimate, evidence)
    suggested_N = found.labels_N3[:, 0]
    assert (suggested_N != labels_N)[estimate.is_flagged_N].all()
    is_best_N = evidence.probabilities_NK.argmax(1) == labels_N
    assert (suggested_N == labels_N)[is_best_N & ~estimate.is_flagged_N].all()
    assert (suggested_N == true_N).mean() > 0.95
    assert all(len(set(row)) == 3 for row in found.labels_N3.tolist())
    keeps_N = suggested_N == labels_N
    shown = np.take_along_axis(evidence.probabilities_NK, found.labels_N3, axis=1)
    assert found.probabilities_N3[keeps_N] == pytest.approx(shown.astype(np.float32)[keeps_N])
    assert (np.diff(found.probabilities_N3, axis=1) <= 0).all()


def test_confidence_is_how_often_the_suggestion_is_right_where_the_label_is_wrong() -> None:
    _, true_N, surest_NK = blobs(1_500, 5.0)
    probabilities_NK = np.sqrt(surest_NK) / np.sqrt(surest_NK).sum(1, keepdims=True)  # a timid network
    random = np.random.default_rng(0)
    # Class 0 is labelled 1, and never taken for it; every class is labelled at random now and then.
    labels_N = np.where((true_N == 0) & (random.random(1_500) < 0.3), 1, with_noise(true_N, 0.15))
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK)
    estimate = fit(evidence)
    found = choose_suggestions(estimate, evidence)
    other_N = (labels_N != true_N) & (found.labels_N3[:, 0] != labels_N)
    confidence_N, is_right_N = found.probabilities_N3[other_N, 0], (found.labels_N3[:, 0] == true_N)[other_N]
    assert is_right_N.mean() == pytest.approx(confidence_N.mean(), abs=0.04)
    half_N = confidence_N < np.median(confidence_N)
    assert is_right_N[half_N].mean() == pytest.approx(confidence_N[half_N].mean(), abs=0.05)
    # The network's own probability of these classes says far less.
    network_N = np.take_along_axis(probabilities_NK, found.labels_N3[:, :1], axis=1)[other_N, 0]
    assert is_right_N.mean() > network_N.mean() + 0.1


def test_samples_in_sample_get_suggestions_by_the_same_model() -> None:
    evidence, is_error_N = partial(0.3, 0.2)
    _, true_N, _ = blobs(3_000, 3.0)
    estimate = fit(evidence)
    assert evidence.is_out_of_sample_N is not None
    for part_N in (evidence.is_out_of_sample_N, ~evidence.is_out_of_sample_N):
        wrong_N = part_N & is_error_N
        is_right_N = (estimate.others_N3[:, 0] == true_N)[wrong_N]
        assert is_right_N.mean() == pytest.approx(estimate.other_probability_N3[wrong_N, 0].mean(), abs=0.04)
    assert estimate.other_probability_N3.sum(1) == pytest.approx(1)


def test_two_classes_leave_the_third_place_empty() -> None:
    labels_N = np.arange(60) % 2
    evidence = Evidence(labels_N=labels_N, probabilities_NK=np.eye(2)[labels_N] * 0.8 + 0.1)
    found = choose_suggestions(fit(evidence), evidence)
    assert (found.labels_N3[:, 2] == -1).all()
    assert (found.labels_N3[:, 0] == labels_N).all()
    estimate = fit(evidence)
    assert (estimate.others_N3 == np.column_stack([1 - labels_N, *[np.full(60, -1)] * 2])).all()
    assert (estimate.other_probability_N3 == [1, 0, 0]).all()


def test_more_classes_than_samples_can_tell_are_not_fitted() -> None:
    labels_N = np.arange(1_000) % 200
    even_NK = np.full((1_000, 200), 1 / 200)
    assert has_too_many_classes(Evidence(labels_N=labels_N, probabilities_NK=even_NK))
    assert not has_too_many_classes(
        Evidence(labels_N=labels_N % 10, probabilities_NK=np.full((1_000, 10), 0.1))
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"is_out_of_sample_N": np.array([False, False])}, "No sample is out of sample"),
        ({"is_out_of_sample_N": np.array([1, 0])}, "2 truth values"),
        ({"is_out_of_sample_N": np.array([True, False]), "score_N": None}, "2 scores"),
    ],
)
def test_a_part_says_what_is_wrong_with_it(changes: dict[str, Any], message: str) -> None:
    sound = {
        "labels_N": np.array([0, 1]),
        "probabilities_NK": np.full((2, 2), 0.5),
        "score_N": np.array([0.1, 0.2]),
    }
    with pytest.raises(ValueError, match=message):
        Evidence(**{**sound, **changes})
