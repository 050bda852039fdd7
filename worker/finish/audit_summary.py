"""The summary of an audit: figures of a ranking that need no true labels."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.catalogue.score_columns import HISTOGRAMS
from models.label_errors import label_health
from models.label_errors.label_health import Confusion
from models.paper.score_scale import MAXIMUM_DISTANCE

Json = dict[str, Any]
Floats = npt.NDArray[np.float64]
BINS = 50
MATRIX_CLASSES_MAX = 100
PAIRS_MAX = 50
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)


def summarise_ranking(
    rows: pa.Table, class_names: list[str], error_count_interval: tuple[float, float]
) -> Json:
    """Return distances, disagreements, expected errors, classes, confusions and the budget of a ranking.

    Args:
        rows: scores in order of rank.
        class_names: index = label.
        error_count_interval: least and largest estimate of the number of wrong labels.

    """
    given, suggested = rows["given_label"].to_numpy(), rows["suggested_label"].to_numpy()
    probability = rows["error_probability"].to_numpy()
    confusion = _estimate_confusion(rows, len(class_names))
    return {
        "sample_count": len(rows),
        "disagreement_count": int((given != suggested).sum()),
        "expected_error_count": float(probability.sum()),
        "expected_error_interval": list(error_count_interval),
        "label_issue_count": int(rows["is_label_issue"].to_numpy().sum()),
        "noise_rate": float(probability.mean()),
        "health": 1 - float(probability.mean()),
        **{name: _build_histogram(rows[column].to_numpy()) for name, column in HISTOGRAMS.items()},
        "per_class": _summarise_classes(rows, class_names, confusion),
        "transition_matrix": _build_transition_matrix(confusion, class_names),
        "confused_pairs": _list_confused_pairs(confusion, class_names),
        "budget": _estimate_budget(probability),
    }


def _build_histogram(values: npt.NDArray[np.float32]) -> Json:
    counts, edges = np.histogram(values, bins=BINS, range=(0, MAXIMUM_DISTANCE))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _estimate_confusion(rows: pa.Table, class_count: int) -> Confusion:
    columns = [rows[f"{place}_label"].fill_null(-1).to_numpy() for place in ("suggested", "second", "third")]
    names = ("suggested_confidence", "second_probability", "third_probability")
    return label_health.count_confusion(
        rows["given_label"].to_numpy(),
        rows["error_probability"].to_numpy(),
        np.stack(columns, axis=1),
        np.stack([rows[name].fill_null(0).to_numpy() for name in names], axis=1),
        class_count=class_count,
    )


def _summarise_classes(rows: pa.Table, class_names: list[str], confusion: Confusion) -> list[Json]:
    given, count = rows["given_label"].to_numpy(), len(class_names)
    disagrees = given != rows["suggested_label"].to_numpy()
    samples_K = np.bincount(given, minlength=count)
    distance_K = np.bincount(given, rows["distance"].to_numpy(), count)
    classes = label_health.measure_class_health(confusion)
    columns = {
        "samples": samples_K.tolist(),
        "disagreements": np.bincount(given[disagrees], minlength=count).tolist(),
        "expected_errors": np.bincount(given, rows["error_probability"].to_numpy(), count).tolist(),
        "label_issues": np.bincount(given[rows["is_label_issue"].to_numpy()], minlength=count).tolist(),
        "mean_distance": _replace_nan(distance_K / np.where(samples_K > 0, samples_K, np.nan)),
        "expected_members": confusion.count_true().tolist(),
        "noise_rate": _replace_nan(classes.noise_rate_K),
        "missed_rate": _replace_nan(classes.missed_rate_K),
        "health": _replace_nan(classes.health_K),
    }
    return [
        {"class": name, **{column: values[label] for column, values in columns.items()}}
        for label, name in enumerate(class_names)
    ]


def _replace_nan(values: Floats) -> list[float | None]:
    """Return values for JSON, with None in place of NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _build_transition_matrix(confusion: Confusion, class_names: list[str]) -> Json | None:
    """Return the matrix by rows; None above MATRIX_CLASSES_MAX classes, too many to show."""
    if len(class_names) > MATRIX_CLASSES_MAX:
        return None
    rows = [_replace_nan(row_K) for row_K in label_health.compute_transition_matrix(confusion)]
    return {"rows": "true", "columns": "given", "classes": class_names, "matrix": rows}


def _list_confused_pairs(confusion: Confusion, class_names: list[str]) -> list[Json]:
    true_K, given_K = confusion.count_true(), confusion.count_given()
    return [
        {
            "true": class_names[true],
            "given": class_names[given],
            "expected_count": count,
            "share_of_true": count / true_K[true],
            "share_of_given": count / given_K[given],
        }
        for true, given, count in label_health.list_confused_pairs(confusion, limit=PAIRS_MAX)
    ]


def _estimate_budget(probability: npt.NDArray[np.float32]) -> Json:
    """Return how many of T expected errors a review of the first N finds, and N for round shares of T."""
    curve = label_health.compute_budget(probability)
    return {
        "total": curve.total,
        "review": curve.review_B.tolist(),
        "expected_found": curve.found_B.tolist(),
        "to_find": [
            {
                "share": share,
                "review": label_health.count_reviews(probability, share),
                "found": share * curve.total,
            }
            for share in SHARES
        ],
    }
