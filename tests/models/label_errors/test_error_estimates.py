import math

import numpy as np
import pytest

from models.label_errors.error_estimates import estimate_from_distances

ROOT = math.sqrt(2)


def distances_of(rate: float, *, count: int = 20_000, spread: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Return distances of right labels near 0 and wrong ones near the maximum, and which are wrong."""
    rng = np.random.default_rng(round(1_000 * rate))
    is_error = rng.random(count) < rate
    right, wrong = rng.beta(1.5, spread, count), rng.beta(spread, 2.0, count)
    return ROOT * np.where(is_error, wrong, right), is_error


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5, 0.8])
def test_number_of_errors_and_cut_are_found_at_every_rate(rate: float) -> None:
    distances, is_error = distances_of(rate)
    result = estimate_from_distances(distances)
    assert result.error_count / len(distances) == pytest.approx(is_error.mean(), abs=0.02)
    assert (result.is_label_issue_N == is_error).mean() > 0.98


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_probabilities_are_calibrated(rate: float) -> None:
    distances, is_error = distances_of(rate)
    probability = estimate_from_distances(distances).error_probability_N
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = np.array([(probability - is_error)[bins == index].sum() for index in range(10)])
    assert np.abs(gaps).sum() / len(distances) < 0.025  # the expected calibration error


@pytest.mark.parametrize("spread", [6.0, 8.0, 40.0])
def test_clean_labels_raise_no_alarm(spread: float) -> None:
    distances, _ = distances_of(0.0, spread=spread)
    result = estimate_from_distances(distances)
    assert result.is_label_issue_N.mean() < 0.02
    assert result.error_count / len(distances) < 0.02


def test_all_alike_and_tiny_lists_are_answered() -> None:
    assert estimate_from_distances(np.zeros(50)).error_count < 1
    assert not estimate_from_distances(np.zeros(1)).is_label_issue_N.any()
    assert estimate_from_distances(np.full(10, ROOT)).is_label_issue_N.all()


def test_probability_never_falls_as_the_distance_rises() -> None:
    distances, _ = distances_of(0.3, spread=2.0)
    order = np.argsort(distances)
    probability = estimate_from_distances(distances).error_probability_N[order]
    assert (np.diff(probability) >= 0).all()
    assert 0 <= probability[0] < probability[-1] <= 1


def test_the_cut_and_the_count_follow_from_the_probabilities() -> None:
    result = estimate_from_distances(distances_of(0.3)[0])
    assert np.array_equal(result.is_label_issue_N, result.error_probability_N > 0.25)
    assert result.error_count == pytest.approx(float(result.error_probability_N.sum()), rel=1e-4)


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan])
def test_distances_out_of_range_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="between 0 and the square root of 2"):
        estimate_from_distances(np.array([0.3, value]))


def test_no_distances_are_refused() -> None:
    with pytest.raises(ValueError, match="list of one or more"):
        estimate_from_distances(np.zeros(0))


def test_labels_the_scoring_network_suggests_itself_are_no_issues() -> None:
    # A network that is never confident: all distances lie together, as on small hard data.
    rng = np.random.default_rng(0)
    distances = ROOT * rng.beta(12.0, 8.0, 5_000)
    disagrees = distances > np.quantile(distances, 0.7)
    result = estimate_from_distances(distances, disagrees_N=disagrees)
    assert not result.is_label_issue_N[~disagrees].any()
    assert result.error_count <= 1.1 * disagrees.sum()


def test_agreement_leaves_clear_components_as_they_are() -> None:
    distances, is_error = distances_of(0.2)
    result = estimate_from_distances(distances, disagrees_N=distances > 0.5 * ROOT)
    assert result.error_count / len(distances) == pytest.approx(is_error.mean(), abs=0.02)
    assert (result.is_label_issue_N == is_error).mean() > 0.98


def test_lists_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 distances and 3 disagreements"):
        estimate_from_distances(np.zeros(2), disagrees_N=np.zeros(3, dtype=np.bool_))


def test_a_weak_network_scales_the_odds_to_what_its_surest_samples_tell() -> None:
    rng = np.random.default_rng(0)
    shares = np.repeat(np.linspace(0.2, 0.8, 10), 1_000)
    disagrees = rng.random(10_000) < shares
    distances = ROOT * np.where(disagrees, rng.beta(8.0, 4.0, 10_000), rng.beta(4.0, 8.0, 10_000))
    result = estimate_from_distances(distances, disagrees_N=disagrees, confidence_N=1 - shares)
    # No group counts for more than the fourth (0.36 in all) and the fifth (0.40): their mean is 0.38.
    assert result.error_count / 10_000 == pytest.approx(0.38, abs=0.01)
    low, high = result.error_count_interval
    assert low < result.error_count < high
    assert (np.diff(result.error_probability_N[np.argsort(distances)]) >= 0).all()


def test_the_interval_of_clear_components_holds_the_truth() -> None:
    distances, is_error = distances_of(0.2)
    low, high = estimate_from_distances(distances).error_count_interval
    assert low < is_error.sum() < high
    assert high - low < 0.35 * is_error.sum()
