"""Metrics of scores against known label errors; a high score means a probable error.

Shape suffixes: N samples, P points of a curve.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from models.ranking.ranking_scores import rank_samples

POINTS_MAX = 500

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve of at most `POINTS_MAX` points, for drawing; areas are computed from the complete curve."""

    x_P: Floats
    y_P: Floats
    threshold_P: Floats
    """The point's threshold: samples that score at least this are called errors; infinite: no sample is."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """The metrics of scores against known errors."""

    roc_auc: float
    """Probability that an error scores above a right label, ties counting half; in [0, 1], guessing: 0.5."""
    average_precision: float
    """Area under the precision-recall curve, as a sum of steps; in [0, 1], guessing: the error rate."""
    roc: Curve
    """x: share of right labels called errors; y: share of errors found."""
    precision_recall: Curve
    """x: recall; y: precision."""


def measure_detection(scores_N: Scores, is_error_N: Mask) -> Detection:
    """Return areas and curves; raise ValueError if there are no errors, or only errors."""
    _check(scores_N, is_error_N)
    if is_error_N.all() or not is_error_N.any():
        raise ValueError("ROC metrics need both errors and right labels; only one of them is there.")
    false_P, true_P, threshold_P = roc_curve(is_error_N, scores_N)
    precision_P, recall_P, cut_P = precision_recall_curve(is_error_N, scores_N)
    return Detection(
        roc_auc=float(roc_auc_score(is_error_N, scores_N)),
        average_precision=float(average_precision_score(is_error_N, scores_N)),
        roc=_reduce_points(false_P, true_P, threshold_P),
        precision_recall=_reduce_points(recall_P, precision_P, np.append(cut_P, np.inf)),
    )


def measure_precision(scores_N: Scores, is_error_N: Mask, counts: Iterable[int]) -> dict[int, float]:
    """Return, for each k, the share of errors among the k worst samples; k in 1 .. N."""
    return {count: found / count for count, found in _count_found(scores_N, is_error_N, counts).items()}


def measure_recall(scores_N: Scores, is_error_N: Mask, counts: Iterable[int]) -> dict[int, float]:
    """Return, for each k, the share of all errors that are among the k worst samples; 0 without errors."""
    total = max(int(is_error_N.sum()), 1)
    return {count: found / total for count, found in _count_found(scores_N, is_error_N, counts).items()}


def _count_found(scores_N: Scores, is_error_N: Mask, counts: Iterable[int]) -> dict[int, int]:
    _check(scores_N, is_error_N)
    found_N = np.cumsum(is_error_N[rank_samples(scores_N)])
    counts = list(counts)
    outside = [count for count in counts if not 1 <= count <= len(found_N)]
    if outside:
        raise ValueError(f"k must be in 1 .. {len(found_N)}, not {outside}.")
    return {count: int(found_N[count - 1]) for count in counts}


def _check(scores_N: Scores, is_error_N: Mask) -> None:
    if scores_N.shape != is_error_N.shape or scores_N.ndim != 1:
        raise ValueError(
            f"Scores and truth must be lists of one length, not {scores_N.shape} / {is_error_N.shape}."
        )
    if is_error_N.dtype != np.bool_:
        raise ValueError(f"The truth must be boolean, True for errors, not {is_error_N.dtype}.")
    if not np.isfinite(scores_N).all():
        raise ValueError("Scores must be finite numbers.")


def _reduce_points(x: Floats, y: Floats, threshold: Floats) -> Curve:
    """Keep points at equal steps along the curve, so that steep and flat parts keep their shape."""
    if len(x) > POINTS_MAX:
        length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        steps = np.linspace(0.0, length[-1], POINTS_MAX)
        kept = np.unique(np.searchsorted(length, steps).clip(0, len(x) - 1))
        kept[0], kept[-1] = 0, len(x) - 1
        x, y, threshold = x[kept], y[kept], threshold[kept]
    return Curve(x_P=x, y_P=y, threshold_P=threshold)
