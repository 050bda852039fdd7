"""Measures a detector's result against the correct labels."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from bench.peers.detectors import Finding
from bench.peers.tasks import Task

BINS = 15
CERTAIN = 0.9
DIGITS = 5


def figures(task: Task, finding: Finding) -> dict[str, Any]:
    """Return every figure of one detector on one task; where nothing is wrong, none of its order or cut."""
    is_error_N = task.is_error
    rate = float(is_error_N.mean())
    found: dict[str, Any] = {
        "noise_rate": rate,
        "network_samples": finding.network_samples,
        "seconds": round(finding.seconds, 1),
        "scores": {
            name: ranking(score_N, is_error_N) for name, score_N in finding.scores.items() if is_error_N.any()
        },
        "cuts": {
            name: cut(flagged_N, is_error_N) for name, flagged_N in finding.cuts.items() if is_error_N.any()
        },
        "noise_rates": {name: round(value, DIGITS) for name, value in finding.noise_rates.items()},
    }
    if finding.error_probability_N is not None:
        found["calibration_error"] = calibration_error(finding.error_probability_N, is_error_N)
        found |= certain(finding.error_probability_N, is_error_N)
    if finding.reasons:
        found["cannot_tell"] = list(finding.reasons)
    if finding.noise_rate_interval is not None:
        low, high = finding.noise_rate_interval
        found["noise_rate_interval"] = [round(low, DIGITS), round(high, DIGITS)]
        found["interval_holds"] = bool(low <= rate <= high)
    return found


def ranking(score_N: npt.NDArray[Any], is_error_N: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return area under ROC, average precision, and precision among as many as there are errors."""
    errors = int(is_error_N.sum())
    first_N = np.argsort(-score_N, kind="stable")[:errors]
    return {
        "auroc": round(float(roc_auc_score(is_error_N, score_N)), DIGITS),
        "ap": round(float(average_precision_score(is_error_N, score_N)), DIGITS),
        "precision_at_noise_rate": round(float(is_error_N[first_N].mean()), DIGITS),
    }


def cut(flagged_N: npt.NDArray[np.bool_], is_error_N: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return F1 of a cut, and the share that it flags."""
    return {
        "f1": round(float(f1_score(is_error_N, flagged_N)), DIGITS),
        "flagged": round(float(flagged_N.mean()), DIGITS),
    }


def certain(probability_N: npt.NDArray[Any], is_error_N: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of samples at `CERTAIN` or more and, if there are any, how many of these are wrong."""
    certain_N = probability_N >= CERTAIN
    found = {"certain_share": round(float(certain_N.mean()), DIGITS)}
    if certain_N.any():
        found["certain_wrong"] = round(float(is_error_N[certain_N].mean()), DIGITS)
    return found


def calibration_error(probability_N: npt.NDArray[Any], is_error_N: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` bins of equal width."""
    bin_N = np.minimum((probability_N * BINS).astype(int), BINS - 1)
    gaps = [
        abs(probability_N[bin_N == index].mean() - is_error_N[bin_N == index].mean())
        * (bin_N == index).mean()
        for index in np.unique(bin_N)
    ]
    return round(float(sum(gaps)), DIGITS)
