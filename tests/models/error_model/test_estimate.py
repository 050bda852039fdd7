from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import make_blobs

from models.checks.label_cut import choose_cut
from models.error_model.claims import Reason
from models.error_model.estimate import Estimate, find_confused_pairs, find_transitions, fit
from models.error_model.sample_evidence import Evidence, count_votes, find_neighbours

Array = npt.NDArray[Any]

CLASSES = 4


def blobs(count: int, spread: float, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return features, true classes and the classes' probabilities under the model that made them."""
    rows_ND, true_N, centres_KD = make_blobs(
        count, 6, centers=CLASSES, cluster_std=spread, random_state=seed, return_centers=True
    )
    log_NK = -((rows_ND[:, None] - centres_KD) ** 2).sum(2) / (2 * spread**2)
    probabilities_NK = np.exp(log_NK - log_NK.max(1, keepdims=True))
    return rows_ND, true_N, probabilities_NK / probabilities_NK.sum(1, keepdims=True)


def with_noise(true_N: Array, rate: float, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    moved_N = (true_N + random.integers(1, CLASSES, len(true_N))) % CLASSES
    return np.where(random.random(len(true_N)) < rate, moved_N, true_N)


def estimated(
    true_N: Array, labels_N: Array, rows_ND: Array, probabilities_NK: Array
) -> tuple[Estimate, Array]:
    evidence = Evidence(
        labels_N=labels_N, probabilities_NK=probabilities_NK, neighbours_Nk=find_neighbours(rows_ND)
    )
    return fit(evidence), labels_N != true_N


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.45])
def test_planted_errors_are_counted_and_found(rate: float) -> None:
    rows_ND, true_N, probabilities_NK = blobs(1_500, 3.0)
    estimate, is_error_N = estimated(true_N, with_noise(true_N, rate), rows_ND, probabilities_NK)
    assert estimate.may_claim
    assert estimate.reasons == []
    assert estimate.error_count == pytest.approx(is_error_N.sum(), rel=0.1)
    low, high = estimate.error_count_interval
    assert low <= is_error_N.sum() <= high
    assert high - low < 0.15 * len(true_N)
    assert estimate.error_probability_N[is_error_N].mean() > 0.88
    assert (estimate.is_flagged_N == is_error_N).mean() > 0.97
    assert (estimate.others_N3[:, 0] == true_N)[is_error_N].mean() > 0.95


def test_clean_data_are_not_accused() -> None:
    rows_ND, true_N, probabilities_NK = blobs(1_000, 3.0)
    estimate, _ = estimated(true_N, true_N.copy(), rows_ND, probabilities_NK)
    assert estimate.claim.centre < 0.005
    assert estimate.claim.low == 0
    assert (estimate.error_probability_N >= 0.9).mean() <= 0.002


def test_errors_that_go_one_way_are_in_the_joint_and_the_transitions() -> None:
    rows_ND, true_N, probabilities_NK = blobs(2_000, 2.0)
    random = np.random.default_rng(0)
    labels_N = np.where((true_N == 2) & (random.random(2_000) < 0.3), 1, true_N)
    estimate, is_error_N = estimated(true_N, labels_N, rows_ND, probabilities_NK)
    true_class, given_class, count = find_confused_pairs(estimate.joint_KK, limit=1)[0]
    assert (true_class, given_class) == (2, 1)
    assert count == pytest.approx(is_error_N.sum(), rel=0.15)
    assert estimate.joint_KK.sum() == pytest.approx(2_000)
    assert estimate.joint_KK.sum(0) == pytest.approx(np.bincount(labels_N, minlength=CLASSES))
    assert find_transitions(estimate.joint_KK)[2, 1] == pytest.approx(0.3, abs=0.05)
    by_class_K = estimate.joint_KK.sum(0) - np.diag(estimate.joint_KK)
    assert by_class_K.argmax() == 1
    assert by_class_K.sum() == pytest.approx(estimate.ranking_probability_N.sum())


def test_networks_that_know_nothing_cannot_tell() -> None:
    _, true_N, _ = blobs(600, 3.0)
    labels_N = with_noise(true_N, 0.3)
    random = np.random.default_rng(3)
    unknowing_NK = random.dirichlet(np.ones(CLASSES), 600)
    estimate = fit(Evidence(labels_N=labels_N, probabilities_NK=unknowing_NK))
    assert not estimate.may_claim
    assert any("know too little" in reason for reason in estimate.reasons)
    assert estimate.error_probability_N.max() <= 0.5
    assert estimate.ranking_probability_N.shape == (600,)


def test_errors_on_hard_samples_that_look_right_cannot_be_told() -> None:
    rows_ND, true_N, probabilities_NK = blobs(2_000, 5.0)
    # The second class is given wherever it is likelier than usual: hard samples, and what they look like.
    ordered_NK = np.argsort(-probabilities_NK, axis=1)
    margin_N = np.sort(probabilities_NK, axis=1)[:, -1]
    hard_N = margin_N < np.quantile(margin_N, 0.5)
    random = np.random.default_rng(0)
    labels_N = np.where(hard_N & (random.random(2_000) < 0.5), ordered_NK[:, 1], true_N)
    estimate, is_error_N = estimated(true_N, labels_N, rows_ND, probabilities_NK)
    assert is_error_N.mean() > 0.15
    assert not estimate.may_claim
    assert Reason.VIEWS_DISAGREE in estimate.claim.reasons
    assert any("nothing here tells them apart" in reason for reason in estimate.reasons)
    low, high = estimate.error_count_interval
    assert low <= is_error_N.sum() <= high
    assert estimate.error_probability_N.max() <= 0.5


def test_too_few_samples_say_so_and_claim_nothing() -> None:
    rows_ND, true_N, probabilities_NK = blobs(24, 2.0)
    estimate, _ = estimated(true_N, with_noise(true_N, 0.2), rows_ND, probabilities_NK)
    assert not estimate.may_claim
    assert any("too few" in reason for reason in estimate.reasons)
    assert estimate.error_count_interval == (0, 24)


def test_what_so_many_parameters_explain_by_chance_is_not_claimed() -> None:
    _, true_N, probabilities_NK = blobs(150, 3.0)
    random = np.random.default_rng(1)
    labels_N = with_noise(true_N, 0.68)
    unsure_NK = 0.3 * probabilities_NK + 0.7 * random.dirichlet(np.ones(CLASSES), 150)
    estimate = fit(Evidence(labels_N=labels_N, probabilities_NK=unsure_NK))
    assert estimate.views.nats_per_parameter < 1
    assert not estimate.may_claim


def test_the_same_evidence_gives_the_same_estimate() -> None:
    rows_ND, true_N, probabilities_NK = blobs(400, 3.0)
    labels_N = with_noise(true_N, 0.2)
    first, _ = estimated(true_N, labels_N, rows_ND, probabilities_NK)
    second, _ = estimated(true_N, labels_N, rows_ND, probabilities_NK)
    assert np.array_equal(first.error_probability_N, second.error_probability_N)
    assert first.claim == second.claim


def test_more_samples_than_are_fitted_are_all_estimated() -> None:
    _, true_N, probabilities_NK = blobs(6_000, 3.0)
    labels_N = with_noise(true_N, 0.2)
    estimate = fit(Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK))
    assert len(estimate.error_probability_N) == 6_000
    assert estimate.error_count == pytest.approx((labels_N != true_N).sum(), rel=0.1)
    assert estimate.views.consensus is None


def test_a_class_without_labels_is_no_error() -> None:
    rows_ND, true_N, probabilities_NK = blobs(500, 3.0)
    wider_NK = np.column_stack([probabilities_NK * 0.999, np.full(500, 0.001)])
    estimate, _ = estimated(true_N, with_noise(true_N, 0.1), rows_ND, wider_NK)
    assert estimate.joint_KK.shape == (5, 5)
    assert np.isfinite(estimate.error_probability_N).all()


def test_the_cut_flags_what_is_likelier_wrong_than_right() -> None:
    assert choose_cut(np.array([0.1, 0.9, 0.6, 0.5, 0.4])).tolist() == [False, True, True, False, False]


def test_nothing_is_flagged_where_less_than_one_error_is_expected() -> None:
    assert not choose_cut(np.array([0.6, 0.1, 0.2])).any()


def test_neighbours_leave_the_sample_itself_out_even_among_copies() -> None:
    rows_ND = np.zeros((30, 2))
    found_Nk = find_neighbours(rows_ND)
    assert found_Nk.shape == (30, 20)
    assert not (found_Nk == np.arange(30)[:, None]).any()


def test_votes_are_shares_and_every_label_of_a_neighbour_counts() -> None:
    evidence = Evidence(
        labels_N=np.array([0, 0, 1]),
        probabilities_NK=np.full((3, 2), 0.5),
        neighbours_Nk=np.array([[1, 2], [0, 2], [0, 1]]),
    )
    votes_NK = count_votes(evidence)
    assert votes_NK is not None
    assert votes_NK.sum(1) == pytest.approx(1.0)
    # Two neighbours, half a vote by frequency (2/3, 1/3): (2 + 1/3) / 2.5 for label 0 of the last sample.
    assert votes_NK[2, 0] == pytest.approx((2 + 1 / 3) / 2.5)
    assert votes_NK[0, 0] == pytest.approx((1 + 1 / 3) / 2.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels_N": np.array([0, 2])}, "Labels lie in 0 .. 1, not 0 .. 2"),
        ({"labels_N": np.array([0])}, "2 rows of probabilities need as many labels"),
        ({"probabilities_NK": np.array([[0.5, 0.6], [0.5, 0.5]])}, "sums to 1; one sums to 1.100"),
        ({"probabilities_NK": np.array([[np.nan, 0.6], [0.5, 0.5]])}, "no numbers"),
        ({"probabilities_NK": np.ones((2, 1))}, "2 classes or more, not \\[2, 1\\]"),
        ({"neighbours_Nk": np.array([[0, 1], [0, 0]])}, "its own neighbour"),
        ({"neighbours_Nk": np.array([[1], [0]])}, "2 or more, not \\[2, 1\\]"),
        ({"neighbours_Nk": np.array([[1, 2], [0, 0]])}, "places 0 .. 1"),
    ],
)
def test_evidence_says_what_is_wrong_with_it(changes: dict[str, Any], message: str) -> None:
    sound = {"labels_N": np.array([0, 1]), "probabilities_NK": np.full((2, 2), 0.5)}
    with pytest.raises(ValueError, match=message):
        Evidence(**{**sound, **changes})
