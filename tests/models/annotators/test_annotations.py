"""Majority, agreement and Krippendorff's alpha, worked out by hand."""

import numpy as np
import pytest

from models.annotators.annotations import Annotations, find_majority, measure_agreement, measure_alpha
from tests.models.annotators.crowd import annotate


def test_the_majority_is_the_most_frequent_label_and_ties_are_said() -> None:
    annotations = annotate([[0, 0, 1], [1, None, None], [0, 1, None], [None, None, None], [2, 1, None]])
    majority_N, is_tie_N = find_majority(annotations)
    # Of the tied labels of sample 2 (0 and 1) the one of place 2 % 2, of sample 4 (1 and 2) that of 4 % 2.
    assert majority_N.tolist() == [0, 1, 0, -1, 1]
    assert is_tie_N.tolist() == [False, False, True, False, True]


def test_agreement_is_the_share_of_pairs() -> None:
    agreement_N = measure_agreement(annotate([[0, 0, 1], [1, None, None], [0, 1, None], [2, 2, 2]]))
    np.testing.assert_allclose(agreement_N, [1 / 3, np.nan, 0, 1])


def test_alpha_is_that_of_a_published_example() -> None:
    # Krippendorff (2011), section C: nominal data, four observers, values missing; alpha = .743.
    unknown = None
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, unknown, unknown, unknown],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, unknown, 3],
        [unknown, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, unknown],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, unknown],
    ]
    found = measure_alpha(annotate([list(row) for row in zip(*observers, strict=True)]))
    assert found is not None
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert found.low < 0.743 < found.high
    assert found.samples == 11


def test_alpha_is_unknown_where_nothing_can_differ() -> None:
    assert measure_alpha(annotate([[0, None], [None, 1]])) is None
    assert measure_alpha(annotate([[1, 1], [1, 1]])) is None


def test_annotations_of_nobody_have_no_majority() -> None:
    empty = np.zeros(0, dtype=np.int32)
    nothing = Annotations(
        sample_R=empty, annotator_R=empty, label_R=empty, sample_count=2, annotator_count=1, class_count=2
    )
    assert find_majority(nothing)[0].tolist() == [-1, -1]
