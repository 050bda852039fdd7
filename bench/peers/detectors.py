"""The detectors: each turns a task and one shared configuration into rankings, cuts and noise rates.

All train the same network with the same augmentation, epochs, batches and learning rates, seed by seed.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from aum import AUMCalculator
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.peers.counting import estimate_errors
from bench.peers.plain import probabilities, train_plain
from bench.peers.tasks import Task
from bench.peers.trained import Trained
from models.configuration.training_config import TrainingConfig
from models.error_model.estimate import Estimate
from models.label_errors.evidence import gather_signals
from models.label_errors.label_asymmetry import CONSTANTS, AsymmetryConstants
from models.training.loop import train

FOLDS = 5
NEIGHBOURS = 10
CHANCE_STREAM = 1
CLEANLAB_RANKINGS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
CLEANLAB_FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
)
"""cleanlab's default is the first."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one detector says about a task."""

    scores: Mapping[str, npt.NDArray[Any]]
    """Rankings [N] by name; high = bad."""
    cuts: Mapping[str, npt.NDArray[np.bool_]]
    """Which labels are wrong [N], by name."""
    noise_rates: Mapping[str, float]
    """Estimated shares of wrong labels, by name."""
    network_samples: int
    """Samples that passed forward and backward through a network, counted for each network."""
    seconds: float
    error_probability_N: npt.NDArray[Any] | None = None
    noise_rate_interval: tuple[float, float] | None = None
    reasons: tuple[str, ...] = ()
    """Why the count may not be claimed; empty: it may, or this detector does not ask."""


def limit(
    task: Task,
    config: TrainingConfig,
    device: str = "cpu",
    kept: Path | None = None,
    constants: AsymmetryConstants = CONSTANTS,
) -> Finding:
    """Train LIMIT once: both networks see every sample in every epoch.

    Args:
        task: see `Task`.
        config: of the training.
        device: where to train.
        kept: file that holds the results of a training of this task, or is to hold them: the estimate of its
            label errors can be computed anew without training. Its seconds are those of the training.
        constants: of the asymmetry with one fold.

    """
    if kept is None or not kept.exists():
        result = train(task.inputs, task.given_N, class_count=task.class_count, config=config, device=device)
        trained = Trained.of(result)
        if kept is not None:
            trained.save(kept, config)
    else:
        trained = Trained.load(kept, config)
    signals = trained.signals
    started = time.monotonic()
    ranked = gather_signals(
        signals,
        task.given_N,
        score=config.score,
        agreement_ratio=trained.agreement_ratio,
        classifier_probabilities_NK=trained.classifier_probabilities_NK,
        cross_fitted=trained.cross_fitted,
        constants=constants,
    )
    disagrees_N = ranked["top_labels_N3"][:, 0] != task.given_N
    finding = Finding(
        scores={
            "limit score (default)": ranked["score"],
            "limit distance": signals.distance_average,
            "limit distance, last": signals.distance_last,
        },
        cuts={"limit suggested != given": disagrees_N},
        noise_rates={},
        network_samples=max(2, config.folds + 1) * trained.epochs * len(task.given_N),
        seconds=trained.seconds + time.monotonic() - started,
        reasons=("not_out_of_sample",),
    )
    estimate = estimate_errors(task, trained.cross_fitted, ranked["score"])
    return finding if estimate is None else _count(finding, estimate, time.monotonic() - started)


def _count(finding: Finding, estimate: Estimate, seconds: float) -> Finding:
    """Return the finding with the estimate's count."""
    claim = estimate.claim
    return replace(
        finding,
        cuts={"limit cut": estimate.is_flagged_N, **finding.cuts},
        noise_rates={} if claim.reasons else {"limit": claim.centre},
        error_probability_N=estimate.error_probability_N,
        noise_rate_interval=(claim.low, claim.high),
        reasons=tuple(str(reason) for reason in claim.reasons),
        seconds=finding.seconds + seconds,
    )


def aum(task: Task, config: TrainingConfig, device: str = "cpu") -> Finding:
    """Train with cross-entropy once; the package `aum` averages margins, the last epoch gives the loss."""
    started = time.monotonic()
    loss_N = np.zeros(len(task.given_N))
    with tempfile.TemporaryDirectory() as folder:
        calculator = AUMCalculator(folder)

        def on_batch(index_B: torch.Tensor, logits_BK: torch.Tensor, labels_B: torch.Tensor) -> None:
            calculator.update(logits_BK, labels_B, index_B.tolist())
            loss_B = torch.nn.functional.cross_entropy(logits_BK, labels_B, reduction="none")
            loss_N[index_B.cpu().numpy()] = loss_B.cpu().numpy()

        train_plain(task, config, np.arange(len(task.given_N)), on_batch, device)
        aum_N = np.array(
            [calculator.sums[position] / calculator.counts[position] for position in range(len(loss_N))]
        )
    return Finding(
        scores={"aum": -aum_N, "loss": loss_N},
        cuts={},
        noise_rates={},
        network_samples=config.epochs * len(loss_N),
        seconds=time.monotonic() - started,
    )


def cleanlab(task: Task, config: TrainingConfig, device: str = "cpu") -> Finding:
    """Train five networks, each on four fifths of the samples, and score the others by confident learning."""
    started = time.monotonic()
    count = len(task.given_N)
    fold_N = np.random.default_rng(config.seed).permutation(count) % FOLDS
    probabilities_NK = np.zeros((count, task.class_count))
    for fold in range(FOLDS):
        network, prepare = train_plain(task, config, np.flatnonzero(fold_N != fold), None, device)
        probabilities_NK[fold_N == fold] = probabilities(network, prepare, task.inputs[fold_N == fold])
    labels_N = task.given_N
    scores = {
        f"cleanlab {name}": -get_label_quality_scores(labels_N, probabilities_NK, method=name)
        for name in CLEANLAB_RANKINGS
        if name != "confidence_weighted_entropy"
    } | {
        "cleanlab confidence_weighted_entropy": -get_label_quality_scores(
            labels_N, probabilities_NK, method="confidence_weighted_entropy", adjust_pred_probs=False
        )
    }
    cuts = {
        f"cleanlab {name}": find_label_issues(labels_N, probabilities_NK, filter_by=name, n_jobs=1)
        for name in CLEANLAB_FILTERS
    }
    return Finding(
        scores=scores,
        cuts=cuts,
        noise_rates={"cleanlab": _confident_noise_rate(labels_N, probabilities_NK)},
        network_samples=config.epochs * (FOLDS - 1) * count,
        seconds=time.monotonic() - started,
    )


def _confident_noise_rate(labels_N: npt.NDArray[np.int64], probabilities_NK: npt.NDArray[Any]) -> float:
    """Return the share off the diagonal of confident learning's calibrated joint distribution."""
    joint_KK = compute_confident_joint(labels_N, probabilities_NK, calibrate=True)
    return float(1 - np.trace(joint_KK) / joint_KK.sum())


def logistic_regression(task: Task, config: TrainingConfig, _: str = "cpu") -> Finding:
    """Judge each label by a linear model of the other folds, and count by confident learning."""
    return _judge_by_folds("logistic regression", LogisticRegression(max_iter=2_000), task, config)


def nearest_neighbours(task: Task, config: TrainingConfig, _: str = "cpu") -> Finding:
    """Judge each label by its ten nearest samples in the other folds, and count by confident learning."""
    return _judge_by_folds("nearest neighbours", KNeighborsClassifier(NEIGHBOURS), task, config)


def _judge_by_folds(name: str, model: ClassifierMixin, task: Task, config: TrainingConfig) -> Finding:
    """Return what a model of scikit-learn says; its probability that a label is wrong is not calibrated."""
    started = time.monotonic()
    rows_ND = task.inputs.reshape(len(task.inputs), -1).astype(np.float64)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=config.seed)
    probabilities_NK = cross_val_predict(
        make_pipeline(StandardScaler(), model), rows_ND, task.given_N, cv=folds, method="predict_proba"
    )
    quality_N = get_label_quality_scores(task.given_N, probabilities_NK, method="self_confidence")
    return Finding(
        scores={name: -quality_N},
        cuts={},
        noise_rates={name: _confident_noise_rate(task.given_N, probabilities_NK)},
        network_samples=0,
        seconds=time.monotonic() - started,
        error_probability_N=1 - quality_N,
    )


def chance(task: Task, config: TrainingConfig, _: str = "cpu") -> Finding:
    """Rank by lot."""
    # A stream of its own: the draws of the seed alone are those that planted the noise.
    drawn_N = np.random.default_rng([config.seed, CHANCE_STREAM]).random(len(task.given_N))
    return Finding(scores={"random": drawn_N}, cuts={}, noise_rates={}, network_samples=0, seconds=0.0)


def as_cross_entropy(config: TrainingConfig) -> TrainingConfig:
    """Return the configuration of the peers' networks."""
    return replace(config, method="ce", folds=1, blind_fraction=0.0)


DETECTORS: Mapping[str, Callable[[Task, TrainingConfig, str], Finding]] = {
    "limit": limit,
    "aum": aum,
    "cleanlab": cleanlab,
    "logistic regression": logistic_regression,
    "nearest neighbours": nearest_neighbours,
    "random": chance,
}
