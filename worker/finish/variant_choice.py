"""What every run of an audit came to, and which of them the scores are made from."""

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


def summarise_run(epochs: Sequence[RunEpoch], signals: Signals, known: AuditLabels) -> Json:
    """Return the figures of a finished run, those of its kept network where several epochs have one.

    The kept network is that of the epoch with the best accuracy on held-out given labels, else the last.
    Figures against the truth are None without it, and without a held-out sample.
    """
    kept = _find_kept_epoch(epochs)
    return {
        "epochs": len(epochs),
        "kept_epoch": kept.epoch if kept else None,
        "validation_accuracy": kept.validation_accuracy if kept else None,
        "training_accuracy": kept.accuracy if kept else None,
        "true_accuracy": kept.true_accuracy if kept else None,
        "test_accuracy": kept.validation_true_accuracy if kept else None,
        "disagreement_rate": float((signals["top_labels_N3"][:, 0] != known.given).mean()),
        **_measure_detection(signals, known),
    }


def _find_kept_epoch(epochs: Sequence[RunEpoch]) -> RunEpoch | None:
    held_out = [epoch for epoch in epochs if epoch.validation_accuracy is not None]
    if held_out:
        return max(held_out, key=lambda epoch: (epoch.validation_accuracy or 0.0, -epoch.epoch))
    return epochs[-1] if epochs else None


def _measure_detection(signals: Signals, known: AuditLabels) -> Json:
    names = ("roc_auc", "average_precision")
    if known.truth is None:
        return dict.fromkeys(names)
    has_truth = known.truth != UNKNOWN
    is_error = (known.truth != known.given)[has_truth]
    if is_error.all() or not is_error.any():
        return dict.fromkeys(names)
    found = measure_detection(read_score(signals)[has_truth], is_error)
    return {"roc_auc": float(found.roc_auc), "average_precision": float(found.average_precision)}


def choose_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs of the variant with the best mean accuracy on held-out given labels.

    A variant counts if all its runs succeeded; of equals, the earlier is taken.
    """
    variants: dict[int, list[Run]] = {}
    for run in runs:
        if run.variant is not None:
            variants.setdefault(run.variant, []).append(run)
    whole = [each for each in variants.values() if all(run.status == RunStatus.SUCCEEDED for run in each)]
    return max(whole, key=_average_validation_accuracy)


def _average_validation_accuracy(runs: Sequence[Run]) -> float:
    return fmean((run.result or {}).get("validation_accuracy") or 0.0 for run in runs)
