"""Who ranks: LIMIT with one fold and with several, and peers that judge out of sample."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.peers import detectors as peers
from bench.peers.kept import keep
from bench.peers.tasks import Task
from models.configuration.training_config import TrainingConfig
from models.label_errors.evidence import gather_signals
from models.training.loop import train
from models.training.progress import Progress

LEAST = 1e-6
Scores = dict[str, npt.NDArray[Any]]
Found = tuple[Scores, dict[str, Any]]
"""Rankings by name, high = bad, and figures beside them."""
Detector = Callable[[Task, TrainingConfig, Path | None], Found]
"""Given a task, a configuration, and where to keep what a training told; None: nowhere."""


def one_fold(task: Task, config: TrainingConfig, _: Path | None = None) -> Found:
    """Train LIMIT with one fold, the default until 0.2.0: its score with the asymmetry, and its distance."""
    finding = peers.limit(task, replace(config, folds=1, blind_fraction=0.0))
    names = {"limit score (default)": "one fold, score", "limit distance": "one fold, distance"}
    return {names[name]: score for name, score in finding.scores.items() if name in names}, {
        "seconds": finding.seconds
    }


def cross_fitted(task: Task, config: TrainingConfig, kept: Path | None = None) -> Found:
    """Train LIMIT with folds; rank by what is said out of sample, in sample, and by the classifier."""
    memorisation: list[dict[str, float]] = []

    def remember(progress: Progress) -> None:
        if progress.finished is not None and progress.finished.memorisation is not None:
            memorisation.append(vars(progress.finished.memorisation))

    result = train(
        task.inputs, task.given_N, class_count=task.class_count, config=config, on_progress=remember
    )
    fitted, classifier_NK = result.cross_fitted, result.classifier_probabilities_NK
    assert fitted is not None
    assert classifier_NK is not None
    seen_NK = fitted.in_sample_probabilities_NK
    ranked = gather_signals(
        result.signals,
        task.given_N,
        score=config.score,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=classifier_NK,
        cross_fitted=fitted,
    )
    if kept is not None:
        keep(kept, task, result, ranked["score"])
    scores: Scores = {
        "cross-fitted, score": ranked["score"],
        "cross-fitted, out of sample": -result.signals.margin,
        "cross-fitted, classifier": -log_margin(classifier_NK, task.given_N),
        "cross-fitted, both": -log_margin((fitted.probabilities_NK + classifier_NK) / 2, task.given_N),
    }
    if seen_NK is not None:
        scores["cross-fitted, in sample"] = -log_margin(seen_NK, task.given_N)
    return scores, {
        "seconds": result.seconds,
        "epochs": result.epochs,
        "disagreement_out_of_sample": float((fitted.probabilities_NK.argmax(1) != task.given_N).mean()),
        "memorisation": memorisation,
    }


def log_margin(
    probabilities_NK: npt.NDArray[np.floating[Any]], labels_N: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return log p of the given label less log p of its best rival [N]; low = bad."""
    log_NK = np.log(np.asarray(probabilities_NK, dtype=np.float64).clip(LEAST))
    rows = np.arange(len(labels_N))
    given_N = log_NK[rows, labels_N]
    log_NK[rows, labels_N] = -np.inf
    margin_N: npt.NDArray[np.float64] = given_N - log_NK.max(1)
    return margin_N


def cleanlab(task: Task, config: TrainingConfig, _: Path | None = None) -> Found:
    """Train five networks by cross-entropy, and rank by cleanlab."""
    finding = peers.cleanlab(task, peers.as_cross_entropy(config))
    return {name: score for name, score in finding.scores.items() if "entropy" not in name}, {
        "seconds": finding.seconds
    }


def aum(task: Task, config: TrainingConfig, _: Path | None = None) -> Found:
    """Train one network by cross-entropy, and rank by its averaged margin."""
    finding = peers.aum(task, peers.as_cross_entropy(config))
    return {"AUM": finding.scores["aum"]}, {"seconds": finding.seconds}


def _as_is(detect: Callable[[Task, TrainingConfig, str], peers.Finding]) -> Detector:
    """Return a peer whose rankings keep their names."""

    def rank(task: Task, config: TrainingConfig, _: Path | None = None) -> Found:
        finding = detect(task, config, "cpu")
        return dict(finding.scores), {"seconds": finding.seconds}

    return rank


DETECTORS: Mapping[str, Detector] = {
    "one fold": one_fold,
    "cross-fitted": cross_fitted,
    "cleanlab": cleanlab,
    "AUM": aum,
    "logistic regression": _as_is(peers.logistic_regression),
    "nearest neighbours": _as_is(peers.nearest_neighbours),
}
"""Every detector by name."""
