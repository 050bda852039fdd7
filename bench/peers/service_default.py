"""LIMIT as the service trains it by default, cross-fitted: its ranking, and its count.

Shape suffixes: N samples.
"""

import time
from pathlib import Path

import numpy as np

from bench.peers.detectors import Finding
from bench.peers.kept import keep, read
from bench.peers.tasks import Task
from models.configuration.training_config import TrainingConfig
from models.error_model.estimate import fit
from models.label_errors.evidence import gather_signals
from models.training.loop import train

NAME = "default"


def find_by_default(task: Task, config: TrainingConfig, kept: Path) -> Finding:
    """Train with folds where `kept` does not exist yet; rank and count by what it holds.

    Raises:
        ValueError: the file is another task's.

    """
    started = time.monotonic()
    if not kept.exists():
        _train(task, config, kept)
    told = read(kept)
    if not np.array_equal(told.evidence.labels_N, task.given_N):
        raise ValueError(f"{kept} holds other labels than this task has: delete it.")
    estimate = fit(told.evidence)
    claim = estimate.claim
    return Finding(
        scores={NAME: told.score_N},
        cuts={"default cut": estimate.is_flagged_N},
        noise_rates={} if claim.reasons else {NAME: claim.centre},
        network_samples=(config.folds + 1) * config.epochs * len(task.given_N),
        seconds=time.monotonic() - started,
        error_probability_N=estimate.error_probability_N,
        noise_rate_interval=(claim.low, claim.high),
        reasons=tuple(str(reason) for reason in claim.reasons),
    )


def _train(task: Task, config: TrainingConfig, kept: Path) -> None:
    result = train(task.inputs, task.given_N, class_count=task.class_count, config=config)
    ranked = gather_signals(
        result.signals,
        task.given_N,
        score=config.score,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=result.classifier_probabilities_NK,
        cross_fitted=result.cross_fitted,
    )
    keep(kept, task, result, ranked["score"])
