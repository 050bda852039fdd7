import numpy as np
import pytest

from models.label_errors.noise_rate import bound_mixture_rate, estimate_from_mixture, estimate_from_posterior


def groups(disagreements: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return confidences and disagreements of 1,000 samples, 100 a group, the most confident first."""
    confidence = np.repeat(np.linspace(0.95, 0.05, 10), 100)
    disagrees = np.concatenate([np.arange(100) < round(100 * share) for share in disagreements])
    return confidence, disagrees


def test_a_weak_network_counts_its_disagreement_up_to_its_middle() -> None:
    # Agreement is 0.5 of all and 0.8 of the surest: 0.625, a weak network.
    confidence, disagrees = groups([0.2, 0.3, 0.4, 0.4, 0.5, 0.6, 0.6, 0.6, 0.7, 0.7])
    found = estimate_from_mixture(0.9, confidence_N=confidence, disagrees_N=disagrees)
    # Bounded by the fourth group (0.2 + 0.3 + 8 * 0.4) / 10 = 0.37, by the fifth 1.3 / 10 + 0.30 = 0.43.
    assert found.centre == pytest.approx(0.40)
    # All bounded by the surest is 0.2, and all disagreement is 0.5; chance widens both.
    assert found.low == pytest.approx(0.2 - 1.96 * np.sqrt(0.2 * 0.8 / 1000))
    assert found.high == pytest.approx(0.5 + 1.96 * np.sqrt(0.5 * 0.5 / 1000))


def test_of_a_strong_network_the_mixture_counts() -> None:
    # Agreement is 0.9 of all and 0.98 of the surest: 0.918.
    confidence, disagrees = groups([0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2])
    assert estimate_from_mixture(0.08, confidence_N=confidence, disagrees_N=disagrees) == bound_mixture_rate(
        0.08, sample_count=1000
    )


def test_between_weak_and_strong_both_are_mixed() -> None:
    # Agreement is 0.711 of all and 0.9 of the surest: 0.79, half way.
    confidence, disagrees = groups([0.1, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3, 0.4, 0.4, 0.49])
    found = estimate_from_mixture(0.2, confidence_N=confidence, disagrees_N=disagrees)
    assert found.centre == pytest.approx((0.2 + (0.1 + 0.1 + 0.2 + 7 * 0.3) / 10) / 2)


def test_an_agreement_ratio_that_the_training_measured_is_used() -> None:
    confidence, disagrees = groups([0.2, 0.3, 0.4, 0.4, 0.5, 0.6, 0.6, 0.6, 0.7, 0.7])
    known = estimate_from_mixture(0.9, confidence_N=confidence, disagrees_N=disagrees, agreement_ratio=0.84)
    assert known == bound_mixture_rate(0.9, sample_count=1000)


def test_the_interval_holds_its_centre_and_stays_within_0_and_1() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        confidence, disagrees = rng.random(40), rng.random(40) < rng.random()
        found = estimate_from_mixture(rng.random(), confidence_N=confidence, disagrees_N=disagrees)
        assert 0 <= found.low <= found.centre <= found.high <= 1


def test_a_handful_of_samples_is_answered() -> None:
    found = estimate_from_mixture(0.5, confidence_N=np.array([0.9]), disagrees_N=np.array([True]))
    assert found.low <= found.centre <= found.high


def test_a_weak_networks_posterior_and_its_most_confident_samples_count_one_to_three() -> None:
    confidence, disagrees = groups([0.2, 0.3, 0.4, 0.4, 0.5, 0.6, 0.6, 0.6, 0.7, 0.7])
    found = estimate_from_posterior(0.1, confidence_N=confidence, disagrees_N=disagrees, agreement_ratio=0.5)
    # The surest samples tell 0.40, all together 0.5 and 15 % more, the posterior less than the surest's 0.2.
    assert found.centre == pytest.approx((0.1 + 3 * 0.40) / 4)
    assert found.low == pytest.approx(0.1 - 1.96 * np.sqrt(0.1 * 0.9 / 1000))
    assert found.high == pytest.approx(0.575 + 1.96 * np.sqrt(0.575 * 0.425 / 1000))


def test_a_strong_networks_posterior_is_its_count() -> None:
    confidence, disagrees = groups([0.2] * 10)
    found = estimate_from_posterior(0.1, confidence_N=confidence, disagrees_N=disagrees, agreement_ratio=0.9)
    assert found.centre == pytest.approx(0.1)
    assert found.high == pytest.approx(0.115 + 1.96 * np.sqrt(0.115 * 0.885 / 1000))


def test_errors_that_the_surest_samples_do_not_have_may_be_twice_as_many() -> None:
    confidence, disagrees = groups([0.0] * 5 + [0.2] * 5)
    found = estimate_from_posterior(0.1, confidence_N=confidence, disagrees_N=disagrees, agreement_ratio=0.9)
    assert found.centre == pytest.approx(0.1)
    assert found.high == pytest.approx(0.23 + 1.96 * np.sqrt(0.23 * 0.77 / 1000))
    # Between none and a quarter, in proportion.
    confidence, disagrees = groups([0.02] + [0.17] * 5 + [0.182] * 4)
    disagreement = disagrees.mean()
    found = estimate_from_posterior(0.1, confidence_N=confidence, disagrees_N=disagrees, agreement_ratio=0.9)
    high = 0.115 * (2 - 4 * 0.02 / disagreement)
    assert found.high == pytest.approx(high + 1.96 * np.sqrt(high * (1 - high) / 1000))
