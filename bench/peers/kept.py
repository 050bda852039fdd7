"""Stores what a cross-fitted training told, so that rankings and counts are computed again without it.

Shape suffixes: N samples, K classes, k neighbours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.peers.counting import find_neighbours
from bench.peers.tasks import Task
from models.cross_fitting.cross_fitted import CrossFitted
from models.error_model.sample_evidence import Evidence
from models.label_errors.evidence import compute_log_odds_of_folds
from models.training.training_result import TrainingResult

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What `keep` wrote."""

    evidence: Evidence
    truth_N: Labels
    score_N: npt.NDArray[Any]
    """What ranks by default; high = bad."""


def name_file(task: str, seed: int, settings: Mapping[str, Any]) -> str:
    """Return the name of a training's file."""
    changed = "".join(f"_{name}{value}" for name, value in settings.items())
    return f"{task}_{seed}{changed}.npz"


def keep(path: Path, task: Task, result: TrainingResult, score_N: npt.NDArray[Any]) -> None:
    """Write the probabilities in and out of sample, the ranking, and the nearest samples by the inputs."""
    assert result.cross_fitted is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {name: value for name, value in vars(result.cross_fitted).items() if value is not None}
    arrays: dict[str, npt.NDArray[Any]] = {
        "labels_N": task.given_N,
        "truth_N": task.true_N,
        "score_N": score_N,
        "margin_N": result.signals.margin,
        "agreement_ratio": np.array(result.agreement_ratio),
        "neighbours_Nk": find_neighbours(task),
        **found,
    }
    if result.classifier_probabilities_NK is not None:
        arrays["classifier_probabilities_NK"] = result.classifier_probabilities_NK
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # arrays only


def read(path: Path) -> Kept:
    """Return what `keep` wrote; with folds the ranking is computed anew, by the rule of today."""
    with np.load(path) as stored:
        arrays = dict(stored)
    fitted = CrossFitted(
        probabilities_NK=arrays["probabilities_NK"],
        in_sample_probabilities_NK=arrays.get("in_sample_probabilities_NK"),
        blind_N=arrays["blind_N"],
    )
    score_N = arrays["score_N"]
    if fitted.has_folds:
        score_N = compute_log_odds_of_folds(fitted, arrays["labels_N"])
    is_out_of_sample_N = fitted.blind_N >= 0
    evidence = Evidence(
        labels_N=arrays["labels_N"],
        probabilities_NK=fitted.probabilities_NK,
        neighbours_Nk=arrays["neighbours_Nk"],
        is_out_of_sample_N=None if is_out_of_sample_N.all() else is_out_of_sample_N,
        score_N=score_N,
    )
    return Kept(evidence=evidence, truth_N=arrays["truth_N"], score_N=score_N)
