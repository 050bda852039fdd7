"""Results of an audit's runs, and the choice of the runs that the scores come from."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from app.tables import Run, RunEpoch, RunStatus
from models.label_errors.detection_metrics import measure_detection
from models.ranking.ranking_scores import read_score
from worker.jobs.audited_labels import AuditLabels
from worker.jobs.clean_labels import UNKNOWN
from worker.jobs.signal_files import Signals

Json = dict[str, Any]


def summarise_run(epochs: Sequence[RunEpoch], signals: Signals, labels: AuditLabels) -> Json:
    """Return the figures of a finished run, from the epoch whose network was kept.

    That is the epoch with the best accuracy on held-out given labels, else the last. Figures against true
    labels are None without true labels, and without held-out samples.
    """
    kept = _find_kept_epoch(epochs)
    return {
        "epochs": len(epochs),
        "kept_epoch": kept.epoch if kept else None,
        "validation_accuracy": kept.validation_accuracy if kept else None,
        "training_accuracy": kept.accuracy if kept else None,
        "true_accuracy": kept.true_accuracy if kept else None,
        "test_accuracy": kept.validation_true_accuracy if kept else None,
        "disagreement_rate": float((signals["top_labels_N3"][:, 0] != labels.given).mean()),
        **_measure_detection(signals, labels),
    }


def _find_kept_epoch(epochs: Sequence[RunEpoch]) -> RunEpoch | None:
    held_out = [epoch for epoch in epochs if epoch.validation_accuracy is not None]
    if held_out:
        return max(held_out, key=lambda epoch: (epoch.validation_accuracy or 0.0, -epoch.epoch))
    return epochs[-1] if epochs else None


def _measure_detection(signals: Signals, labels: AuditLabels) -> Json:
    names = ("roc_auc", "average_precision")
    if labels.truth is None:
        return dict.fromkeys(names)
    has_truth = labels.truth != UNKNOWN
    is_error = (labels.truth != labels.given)[has_truth]
    if is_error.all() or not is_error.any():
        return dict.fromkeys(names)
    detection = measure_detection(read_score(signals)[has_truth], is_error)
    return {"roc_auc": float(detection.roc_auc), "average_precision": float(detection.average_precision)}


def choose_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs of the variant with the best mean accuracy on held-out given labels.

    Only variants whose runs all succeeded count; among equals the earliest is chosen.
    """
    variants: dict[int, list[Run]] = {}
    for run in runs:
        if run.variant is not None:
            variants.setdefault(run.variant, []).append(run)
    complete = [each for each in variants.values() if all(run.status == RunStatus.SUCCEEDED for run in each)]
    return max(complete, key=_average_validation_accuracy)


def _average_validation_accuracy(runs: Sequence[Run]) -> float:
    return fmean((run.result or {}).get("validation_accuracy") or 0.0 for run in runs)
