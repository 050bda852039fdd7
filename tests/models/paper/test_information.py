import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.paper import information


def least_error(bits: float, *, noise_rate: float = 0.8, class_count: int = 10) -> float:
    return information.bound_training_error(
        information_per_sample=bits, noise_rate=noise_rate, class_count=class_count
    )


def test_the_papers_numbers() -> None:
    assert least_error(0.0) == pytest.approx(0.8, abs=1e-9)
    assert least_error(1.0) == pytest.approx(0.405, abs=5e-4)


def test_label_entropy_is_that_of_the_distribution() -> None:
    shares = np.array([0.2, *[0.8 / 9] * 9])
    expected = -(shares * np.log2(shares)).sum()
    assert information.compute_label_entropy(noise_rate=0.8, class_count=10) == pytest.approx(expected)
    assert information.compute_label_entropy(noise_rate=0.5, class_count=2) == pytest.approx(1.0)
    assert information.compute_label_entropy(noise_rate=0.0, class_count=2) == 0.0


def test_all_the_bits_of_the_labels_allow_no_error_at_all() -> None:
    enough = information.compute_label_entropy(noise_rate=0.8, class_count=10)
    assert least_error(enough) == 0.0
    assert least_error(enough + 1) == 0.0
    assert least_error(enough - 0.01) > 0.0


@given(st.floats(0.0, 0.89), st.floats(0.0, 3.3), st.integers(2, 200))
def test_least_error_is_where_fanos_inequality_becomes_an_equation(p: float, bits: float, k: int) -> None:
    p = min(p, 1 - 1 / k)
    entropy = information.compute_label_entropy(noise_rate=p, class_count=k)
    r = least_error(bits, noise_rate=p, class_count=k)
    if bits >= entropy:
        assert r == 0.0
    else:
        h = -r * math.log2(r) - (1 - r) * math.log2(1 - r) if 0 < r < 1 else 0.0
        assert h + r * math.log2(k - 1) == pytest.approx(entropy - bits, abs=1e-6)


@given(st.floats(0.0, 0.8), st.floats(0.01, 2.0))
def test_both_directions_are_one_bound(p: float, bits: float) -> None:
    r = least_error(bits, noise_rate=p)
    back = information.bound_information(training_error=r, noise_rate=p, class_count=10)
    assert back == pytest.approx(
        min(bits, information.compute_label_entropy(noise_rate=p, class_count=10)), abs=1e-6
    )


def test_learning_no_noise_needs_no_memory_and_fitting_it_all_needs_every_bit() -> None:
    bits = [
        information.bound_information(training_error=error, noise_rate=0.8, class_count=10)
        for error in (0.8, 0.4051, 0.0)
    ]
    # The last is h(0.8) + 0.8 log2(9) = 0.7219 + 2.5359.
    assert bits == pytest.approx([0.0, 1.0, 3.2578], abs=1e-3)


def test_proposition_1_by_hand() -> None:
    # d = 10, L^2 = 0.3, sigma^2 = 0.01: 5 log2(1 + 0.3 / 0.1) = 10 bits.
    assert information.bound_gradient_information(squared_norm=0.3, dimension=10, noise_variance=0.01) == (
        pytest.approx(10.0)
    )
    assert information.bound_gradient_information(squared_norm=0.0, dimension=10, noise_variance=0.01) == 0.0
    assert (
        information.bound_gradient_information(squared_norm=0.1, dimension=10, noise_variance=0.0) == math.inf
    )


def test_proposition_1_bounds_what_a_gaussian_channel_tells() -> None:
    # A label of two values, told by mu = +-1 in one dimension with noise of variance 4: the mutual
    # information by numerical integration lies under the bound 1/2 log2(1 + 1/4).
    x = np.linspace(-30, 30, 200_001)
    normal = [np.exp(-((x - mean) ** 2) / 8) / math.sqrt(8 * math.pi) for mean in (-1, 1)]
    mixture = (normal[0] + normal[1]) / 2
    entropy_of_mixture = -np.trapezoid(mixture * np.log2(mixture), x)
    told = entropy_of_mixture - 0.5 * math.log2(2 * math.pi * math.e * 4)
    bound = information.bound_gradient_information(squared_norm=1.0, dimension=1, noise_variance=4.0)
    assert 0.9 * bound < told < bound


def test_information_adds_up_over_epochs() -> None:
    totals = information.accumulate_information([0.3, 0.0, 0.1], dimension=10, noise_variance=0.01)
    assert totals == pytest.approx([10.0, 10.0, 15.0])


def test_generalisation_gap_by_hand() -> None:
    # sigma = 1/2, I = 1 bit = ln 2 nats per sample: sqrt(2 / 4 * ln 2).
    gap = information.bound_generalisation_gap(information=500.0, sample_count=500, sub_gaussian=0.5)
    assert gap == pytest.approx(math.sqrt(math.log(2) / 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": -1.0}, "Information per sample must be between 0 and inf"),
        ({"bits": math.nan}, "Information per sample"),
        ({"bits": 0.0, "noise_rate": 1.1}, "A rate must be between 0 and 1"),
        ({"bits": 0.0, "class_count": 1}, "The number of classes must be between 2"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        least_error(**arguments)
