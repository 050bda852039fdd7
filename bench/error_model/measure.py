"""What the model of label errors says of a case, held against the truth.

Shape suffixes: N samples.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.error_model import estimators
from bench.error_model.cases import Case, load
from bench.error_model.learners import out_of_sample
from models.error_model.assumptions import Constants
from models.error_model.estimate import Estimate, fit
from models.error_model.sample_evidence import Evidence, find_neighbours
from models.error_model.suggestions import choose_suggestions

BINS = 10
CERTAIN = 0.9
Prepared = tuple[Evidence, npt.NDArray[np.int64]]


def prepare(case: Case, folder: Path, cifar_features: Path, cache: Path) -> Prepared:
    """Return the evidence of a case and the true classes, from the cache where it is there."""
    file = cache / f"{case.name}.npz"
    if not file.exists():
        given = load(case, folder, cifar_features)
        classes = int(max(given.true_N.max(), given.given_N.max())) + 1
        found_NK = out_of_sample(case.learner, given.rows_ND, given.given_N, case.seed, classes)
        np.savez(file, given=given.given_N, true=given.true_N, p=found_NK.astype(np.float32), x=given.rows_ND)
    with np.load(file) as kept:
        labels_N, true_N, probabilities_NK = kept["given"], kept["true"], kept["p"]
        neighbours_Nk = _find_neighbours(file, kept["x"])
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probabilities_NK, neighbours_Nk=neighbours_Nk)
    return evidence, true_N


def _find_neighbours(file: Path, features_ND: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    kept = file.with_suffix(".neighbours.npy")
    if not kept.exists():
        np.save(kept, find_neighbours(features_ND))
    found_Nk: npt.NDArray[np.int64] = np.load(kept)
    return found_Nk


def measure(prepared: Prepared, constants: Constants) -> dict[str, Any]:
    """Return the figures of one case."""
    evidence, true_N = prepared
    started = time.perf_counter()
    estimate = fit(evidence, constants=constants)
    seconds = time.perf_counter() - started
    is_error_N = evidence.labels_N != true_N
    return {
        "truth": float(is_error_N.mean()),
        "centre": estimate.claim.centre,
        "low": estimate.claim.low,
        "high": estimate.claim.high,
        "reasons": [str(reason) for reason in estimate.claim.reasons],
        "accuracy": float((evidence.probabilities_NK.argmax(1) == true_N).mean()),
        **_judge_probabilities(estimate, is_error_N),
        **_judge_suggestions(estimate, evidence, true_N),
        "views": {**asdict(estimate.views), **_other_views(evidence)},
        "seconds": seconds,
    }


def calibration_error(probability_N: npt.NDArray[Any], is_error_N: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error over ten bins of equal width."""
    bin_N = np.minimum((probability_N * BINS).astype(np.int64), BINS - 1)
    gap_B = np.bincount(bin_N, probability_N, BINS) - np.bincount(bin_N, is_error_N, BINS)
    return float(np.abs(gap_B).sum() / len(probability_N))


def _judge_probabilities(estimate: Estimate, is_error_N: npt.NDArray[np.bool_]) -> dict[str, float]:
    probability_N, flagged_N = estimate.error_probability_N, estimate.is_flagged_N
    certain_N = probability_N >= CERTAIN
    found = float((flagged_N & is_error_N).sum())
    return {
        "calibration_error": calibration_error(probability_N, is_error_N),
        "certain_share": float(certain_N.mean()),
        "certain_wrong": float(is_error_N[certain_N].mean()) if certain_N.any() else 1.0,
        "f1": 2 * found / max(float(flagged_N.sum() + is_error_N.sum()), 1.0),
        "flagged_share": float(flagged_N.mean()),
    }


def _judge_suggestions(
    estimate: Estimate, evidence: Evidence, true_N: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Return how often a suggested other label is right where the given one is wrong, and what is said."""
    found = choose_suggestions(estimate, evidence)
    suggested_N = found.labels_N3[:, 0]
    judged_N = (evidence.labels_N != true_N) & (suggested_N != evidence.labels_N)
    if not judged_N.any():
        return {}
    is_right_J = suggested_N[judged_N] == true_N[judged_N]
    confidence_J = found.probabilities_N3[judged_N, 0].astype(np.float64)
    return {
        "suggestion_right": float(is_right_J.mean()),
        "suggestion_confidence": float(confidence_J.mean()),
        "suggestion_calibration_error": calibration_error(confidence_J, is_right_J),
        "suggestion_by_networks": float(evidence.probabilities_NK[judged_N, suggested_N[judged_N]].mean()),
    }


def _other_views(evidence: Evidence) -> dict[str, float]:
    """Return the estimators that the model does not use, for comparison."""
    probabilities_NK = np.asarray(evidence.probabilities_NK, dtype=np.float64)
    return {
        "confident_joint": estimators.confident_joint(probabilities_NK, evidence.labels_N),
        "anchors": estimators.anchors(probabilities_NK, evidence.labels_N),
    }
