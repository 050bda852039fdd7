"""The summary of an audit: figures of a ranking that need no true labels.

What follows from the estimated label errors is None where they may not be claimed.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.catalogue.score_columns import HISTOGRAMS
from models.checks.review_budget import describe_budget
from models.error_model.estimate import find_confused_pairs, find_transitions
from models.label_errors import label_health
from models.paper.score_scale import MAXIMUM_DISTANCE
from worker.finish.label_error_estimate import CountedErrors, describe
from worker.jobs.score_rows import read_probabilities

Json = dict[str, Any]
Floats = npt.NDArray[np.float64]
BINS = 50
MATRIX_CLASSES_MAX = 100
PAIRS_MAX = 50
CLAIMED = ("expected_errors", "expected_members", "noise_rate", "missed_rate", "health")
"""The figures of a class that follow from the estimate."""


def summarise_ranking(rows: pa.Table, class_names: list[str], counted: CountedErrors) -> Json:
    """Return distances, disagreements, wrong labels, classes, confusions and the budget of a ranking.

    Args:
        rows: scores in order of rank.
        class_names: index = label.
        counted: the estimated label errors.

    """
    given, suggested = rows["given_label"].to_numpy(), rows["suggested_label"].to_numpy()
    share = counted.claimed_share
    joint_KK = counted.joint_KK if counted.may_claim else None
    return {
        "sample_count": len(rows),
        "disagreement_count": int((given != suggested).sum()),
        "estimate": describe(counted),
        "expected_error_count": None if share is None else counted.count,
        "expected_error_interval": None if share is None else list(counted.interval or ()),
        "label_issue_count": int(rows["is_label_issue"].to_numpy().sum()),
        "noise_rate": share,
        "health": None if share is None else 1 - share,
        **{name: _build_histogram(rows[column].to_numpy()) for name, column in HISTOGRAMS.items()},
        "per_class": _summarise_classes(rows, class_names, joint_KK),
        "transition_matrix": None if joint_KK is None else _build_transition_matrix(joint_KK, class_names),
        "confused_pairs": [] if joint_KK is None else _list_confused_pairs(joint_KK, class_names),
        "budget": None if joint_KK is None else _estimate_budget(rows),
    }


def _build_histogram(values: npt.NDArray[np.float32]) -> Json:
    counts, edges = np.histogram(values, bins=BINS, range=(0, MAXIMUM_DISTANCE))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _summarise_classes(rows: pa.Table, class_names: list[str], joint_KK: Floats | None) -> list[Json]:
    given, count = rows["given_label"].to_numpy(), len(class_names)
    disagrees = given != rows["suggested_label"].to_numpy()
    samples_K = np.bincount(given, minlength=count)
    distance_K = np.bincount(given, rows["distance"].to_numpy(), count)
    columns = {
        "samples": samples_K.tolist(),
        "disagreements": np.bincount(given[disagrees], minlength=count).tolist(),
        "label_issues": np.bincount(given[rows["is_label_issue"].to_numpy()], minlength=count).tolist(),
        "mean_distance": _replace_nan(distance_K / np.where(samples_K > 0, samples_K, np.nan)),
        **(dict.fromkeys(CLAIMED, [None] * count) if joint_KK is None else _estimate_classes(joint_KK)),
    }
    return [
        {"class": name, **{column: values[label] for column, values in columns.items()}}
        for label, name in enumerate(class_names)
    ]


def _estimate_classes(joint_KK: Floats) -> dict[str, list[float | None]]:
    """Return the figures CLAIMED of every class."""
    classes = label_health.measure_class_health(joint_KK)
    return {
        "expected_errors": _replace_nan(joint_KK.sum(0) - np.diag(joint_KK)),
        "expected_members": _replace_nan(joint_KK.sum(1)),
        "noise_rate": _replace_nan(classes.noise_rate_K),
        "missed_rate": _replace_nan(classes.missed_rate_K),
        "health": _replace_nan(classes.health_K),
    }


def _replace_nan(values: Floats) -> list[float | None]:
    """Return values for JSON, with None in place of NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _build_transition_matrix(joint_KK: Floats, class_names: list[str]) -> Json | None:
    """Return the matrix by rows; None above MATRIX_CLASSES_MAX classes, too many to show."""
    if len(class_names) > MATRIX_CLASSES_MAX:
        return None
    rows = [_replace_nan(row_K) for row_K in find_transitions(joint_KK)]
    return {"rows": "true", "columns": "given", "classes": class_names, "matrix": rows}


def _list_confused_pairs(joint_KK: Floats, class_names: list[str]) -> list[Json]:
    true_K, given_K = joint_KK.sum(1), joint_KK.sum(0)
    return [
        {
            "true": class_names[true],
            "given": class_names[given],
            "expected_count": count,
            "share_of_true": min(count / true_K[true], 1.0),
            "share_of_given": min(count / given_K[given], 1.0),
        }
        for true, given, count in find_confused_pairs(joint_KK, limit=PAIRS_MAX)
    ]


def _estimate_budget(rows: pa.Table) -> Json | None:
    """Return how many of T expected errors a review of the first N finds, and N for round shares of T."""
    probability = read_probabilities(rows)
    if probability is None or not len(probability):
        return None
    return describe_budget(probability)
