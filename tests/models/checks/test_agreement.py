"""Agreement between people: worked out by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from models.checks.agreement import (
    MISSING,
    find_reviewer_error,
    measure_agreement,
    measure_class_agreement,
    measure_disagreement,
)


def spread(table: list[list[int]]) -> np.ndarray:
    """Return the pairs of verdicts that a table of counts holds."""
    pairs = [
        (row, column)
        for row, counts in enumerate(table)
        for column, count in enumerate(counts)
        for _ in range(count)
    ]
    return np.array(pairs, dtype=np.int64)


def test_kappa_of_two_people_by_hand() -> None:
    """Of 50, they agree on 35: 0.7. Chance: 0.5 * 0.6 + 0.5 * 0.4 = 0.5. Kappa: (0.7 - 0.5) / 0.5 = 0.4."""
    figure = measure_agreement(spread([[20, 5], [10, 15]]))
    assert (figure.statistic, figure.samples, figure.agreed) == ("cohen_kappa", 50, 35)
    assert figure.value == pytest.approx(0.4)
    assert figure.low is not None
    assert figure.high is not None
    assert 0.1 < figure.low < 0.25
    assert 0.55 < figure.high < 0.7


def test_kappa_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    first = generator.integers(0, 5, 200)
    second = np.where(generator.random(200) < 0.7, first, generator.integers(0, 5, 200))
    figure = measure_agreement(np.stack([first, second], 1))
    assert figure.value == pytest.approx(cohen_kappa_score(first, second))


def test_alpha_with_missing_values_by_hand() -> None:
    """Four samples: a a -, a b b, b b b, - a a; repeated five times.

    Ordered pairs that differ: of the second sample 4 of 6, each counted 1 / (3 - 1): 2, so 10 in all.
    Values: a 2 + 1 + 0 + 2 = 5, b 0 + 2 + 3 + 0 = 5, so 25 and 25, 50 in all.
    Observed: 10 / 50 = 0.2. Expected: 2 * 25 * 25 / (50 * 49) = 0.5102. Alpha: 1 - 0.2 / 0.5102 = 0.608.
    """
    rows = [[0, 0, MISSING], [0, 1, 1], [1, 1, 1], [MISSING, 0, 0]] * 5
    figure = measure_agreement(np.array(rows))
    assert (figure.statistic, figure.samples, figure.agreed) == ("krippendorff_alpha", 20, 15)
    assert figure.value == pytest.approx(1 - 0.2 * 2450 / 1250)


def test_a_sample_with_one_verdict_counts_for_nothing() -> None:
    rows = np.concatenate([spread([[20, 5], [10, 15]]), [[0, MISSING]] * 30])
    assert measure_agreement(rows).value == pytest.approx(0.4)


def test_full_agreement_on_few_samples_is_not_certain() -> None:
    figure = measure_agreement(spread([[10, 0], [0, 10]]))
    assert figure.value == 1
    assert figure.high == 1
    assert figure.low is not None
    assert figure.low < 0.9


@pytest.mark.parametrize("table", [[[10, 1], [2, 6]], [[40, 0], [0, 0]]])
def test_too_few_samples_or_values_tell_nothing(table: list[list[int]]) -> None:
    figure = measure_agreement(spread(table))
    assert (figure.value, figure.low, figure.high) == (None, None, None)


def test_the_agreement_on_one_class_by_hand() -> None:
    """Class 0 against the rest: the table [[20, 5], [10, 15]] with the rest split into two classes."""
    values = spread([[20, 3, 2], [5, 5, 2], [5, 0, 8]])
    assert measure_class_agreement(values, 0).value == pytest.approx(0.4)
    rare = spread([[40, 2], [1, 0]])
    assert measure_class_agreement(rare, 1).value is None


def test_people_who_err_in_a_tenth_of_cases_disagree_in_18_percent() -> None:
    assert find_reviewer_error(0.18) == pytest.approx(0.1)
    assert find_reviewer_error(0.5) is None


def test_the_share_of_disagreement_has_an_interval() -> None:
    share = measure_disagreement(spread([[20, 5], [10, 15]]))
    assert share is not None
    assert share.centre == pytest.approx(0.3)
    assert share.low < 0.3 < share.high
    assert measure_disagreement(spread([[5, 5], [5, 4]])) is None


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """True kappa: two people each right in 90 % of cases, of two classes at 30 % and 70 %."""
    generator = np.random.default_rng(7)
    agree = 0.9**2 + 0.1**2
    share = 0.3 * 0.9 + 0.7 * 0.1
    chance = share**2 + (1 - share) ** 2
    truth, held = (agree - chance) / (1 - chance), 0
    for seed in range(100):
        right = (generator.random(60) < 0.3).astype(np.int64)
        errors = generator.random((60, 2)) < 0.1
        figure = measure_agreement(np.where(errors, 1 - right[:, None], right[:, None]), seed=seed)
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= truth <= figure.high
    assert held >= 88  # 95 expected; fewer than 88 happens in under 1 of 300 runs
