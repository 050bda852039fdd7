import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.label_errors import detection_metrics
from models.ranking.ranking_scores import rank_samples

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
ERRORS = np.array([True, False, True, False, False])


def test_areas_worked_out_by_hand() -> None:
    found = detection_metrics.measure_detection(SCORES, ERRORS)
    assert found.roc_auc == pytest.approx(5 / 6)  # of 6 pairs one is in the wrong order
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_precision_and_recall_at_k_by_hand() -> None:
    assert detection_metrics.measure_precision(SCORES, ERRORS, [1, 2, 5]) == {1: 1.0, 2: 0.5, 5: 0.4}
    assert detection_metrics.measure_recall(SCORES, ERRORS, [1, 2, 3]) == {1: 0.5, 2: 0.5, 3: 1.0}


def test_ties_are_ranked_by_position() -> None:
    assert rank_samples(np.array([0.5, 0.9, 0.5, 0.9])).tolist() == [1, 3, 0, 2]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([float(score) for score, _ in pairs])
    errors = np.array([error for _, error in pairs])
    if errors.all() or not errors.any():
        with pytest.raises(ValueError, match="both errors and right labels"):
            detection_metrics.measure_detection(scores, errors)
        return
    difference = scores[errors][:, None] - scores[~errors]
    expected = ((difference > 0) + 0.5 * (difference == 0)).mean()
    assert detection_metrics.measure_detection(scores, errors).roc_auc == pytest.approx(expected)


@pytest.mark.parametrize("separation", [0.2, 2.0, 5.0])
def test_thinned_curves_keep_their_ends_and_area(separation: float) -> None:
    rng = np.random.default_rng(0)
    errors = rng.random(30_000) < 0.1
    scores = rng.normal(size=30_000) + separation * errors
    found = detection_metrics.measure_detection(scores, errors)
    for curve in (found.roc, found.precision_recall):
        assert len(curve.x_P) == len(curve.y_P) == len(curve.threshold_P) <= detection_metrics.POINTS_MAX
    assert (found.roc.x_P[0], found.roc.y_P[0], found.roc.x_P[-1], found.roc.y_P[-1]) == (0, 0, 1, 1)
    assert (np.diff(found.roc.x_P) >= 0).all()
    area = np.trapezoid(found.roc.y_P, found.roc.x_P)
    assert area == pytest.approx(found.roc_auc, abs=5e-4)
    recall, precision = found.precision_recall.x_P[::-1], found.precision_recall.y_P[::-1]
    assert np.trapezoid(precision, recall) == pytest.approx(found.average_precision, abs=5e-3)


def test_points_say_at_which_score_they_lie() -> None:
    roc = detection_metrics.measure_detection(SCORES, ERRORS).roc
    for x, y, threshold in zip(roc.x_P, roc.y_P, roc.threshold_P, strict=True):
        called = threshold <= SCORES
        assert x == called[~ERRORS].mean()
        assert y == called[ERRORS].mean()


def test_unusable_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="lists of one length"):
        detection_metrics.measure_detection(SCORES[:4], ERRORS)
    with pytest.raises(ValueError, match="finite"):
        detection_metrics.measure_detection(np.full(5, np.nan), ERRORS)
    with pytest.raises(ValueError, match="True for errors"):
        detection_metrics.measure_detection(SCORES, ERRORS.astype(np.int64))
    with pytest.raises(ValueError, match=r"k must be in 1 \.\. 5, not \[0, 6\]"):
        detection_metrics.measure_precision(SCORES, ERRORS, [0, 3, 6])
