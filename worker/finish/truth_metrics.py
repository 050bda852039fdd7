"""Metrics of an audit's ranking against the true labels."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.catalogue.score_columns import HISTOGRAMS
from models.label_errors.detection_metrics import Curve, measure_detection, measure_precision, measure_recall
from models.paper.score_scale import MAXIMUM_DISTANCE
from worker.jobs.clean_labels import UNKNOWN, Labels

Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Json = dict[str, Any]
BINS = 50


def measure_noise_rate(rows: pa.Table, truth_N: Labels) -> float:
    """Return the share of wrong labels among those whose true label is known."""
    truth = truth_N[rows["position"].to_numpy()]
    has_truth = truth != UNKNOWN
    return float((truth != rows["given_label"].to_numpy())[has_truth].mean())


def measure_ranking(rows: pa.Table, truth_N: Labels, class_names: list[str]) -> Json:
    """Return the metrics of a ranking against the true labels; samples without one are left out.

    Args:
        rows: scores in order of rank.
        truth_N: the true label of every position, UNKNOWN where there is none.
        class_names: index = label.

    """
    truth = truth_N[rows["position"].to_numpy()]
    has_truth = truth != UNKNOWN
    truth, given = truth[has_truth], rows["given_label"].to_numpy()[has_truth]
    is_error = truth != given
    score = rows["score"].to_numpy()[has_truth]
    suggested = rows["suggested_label"].to_numpy()[has_truth]
    errors = int(is_error.sum())
    return {
        "sample_count": len(truth),
        "error_count": errors,
        "noise_rate": errors / len(truth),
        "suggestion_accuracy": float((suggested == truth)[is_error].mean()) if errors else None,
        **{
            name: _build_histograms(rows[column].to_numpy()[has_truth], is_error)
            for name, column in HISTOGRAMS.items()
        },
        "at_k": _measure_at_k(score, is_error),
        "per_class": [
            _measure_class(name, is_error[members], score[members])
            for name, members in zip(class_names, _group_by_class(given, len(class_names)), strict=True)
        ],
        **_measure_detection(score, is_error),
    }


def _group_by_class(given_N: Labels, class_count: int) -> list[npt.NDArray[np.int64]]:
    """Return each class's rows in their order, with one sort for all classes."""
    order = np.argsort(given_N, kind="stable")
    return np.split(order, np.searchsorted(given_N[order], np.arange(1, class_count)))


def _measure_detection(score: Scores, is_error: Mask) -> Json:
    """Return areas and curves, all None if there is no error or no correct label."""
    if is_error.all() or not is_error.any():
        names = ("roc_auc", "average_precision", "precision_at_noise_rate", "roc", "precision_recall")
        return dict.fromkeys(names)
    detection = measure_detection(score, is_error)
    errors = int(is_error.sum())
    return {
        "roc_auc": detection.roc_auc,
        "average_precision": detection.average_precision,
        "precision_at_noise_rate": measure_precision(score, is_error, [errors])[errors],
        "roc": _list_points(detection.roc),
        "precision_recall": _list_points(detection.precision_recall),
    }


def _list_points(curve: Curve) -> Json:
    return {"x": curve.x_P.tolist(), "y": curve.y_P.tolist()}


def _measure_at_k(score: Scores, is_error: Mask) -> list[Json]:
    """Return precision and recall of the first k samples: round k, the number of errors, and all."""
    count = len(score)
    ladder = (step * 10**power for power in range(8) for step in (1, 2, 5))
    ks = sorted({k for k in (*ladder, int(is_error.sum()), count) if 0 < k <= count})
    precision, recall = measure_precision(score, is_error, ks), measure_recall(score, is_error, ks)
    return [{"k": k, "precision": precision[k], "recall": recall[k]} for k in ks]


def _build_histograms(values: Scores, is_error: Mask) -> Json:
    right, edges = np.histogram(values[~is_error], bins=BINS, range=(0, MAXIMUM_DISTANCE))
    wrong, _ = np.histogram(values[is_error], bins=BINS, range=(0, MAXIMUM_DISTANCE))
    return {"edges": edges.tolist(), "right": right.tolist(), "wrong": wrong.tolist()}


def _measure_class(name: str, is_error: Mask, score: Scores) -> Json:
    return {
        "class": name,
        "samples": len(is_error),
        "errors": int(is_error.sum()),
        "roc_auc": _measure_detection(score, is_error)["roc_auc"],
    }
