"""Measure configurations on known errors: the defaults, or what is set on the command line.

Run from the repository's root; every run adds a line to results.jsonl:

    python -m bench.defaults.measure DATA_FOLDER digits-20 --seeds 0 1 2 --set beta=1.0 epochs=20
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
import torch
from sklearn.metrics import f1_score, precision_recall_curve

from bench.defaults.cases import CASES, Case
from bench.peers.counting import estimate_errors
from bench.peers.tasks import Task
from models.configuration.training_config import resolve
from models.label_errors import detection_metrics
from models.label_errors.evidence import gather_signals
from models.training.loop import train
from models.training.signals import Signals
from models.training.training_result import TrainingResult

RESULTS = Path(__file__).with_name("results.jsonl")
BINS = 15


def measured(case: Case, requested: dict[str, object], seed: int) -> dict[str, Any]:
    """Train once; return configuration, time and every figure."""
    config = resolve(
        {"seed": seed, **requested},
        shape=case.inputs.shape[1:],
        sample_count=len(case.inputs),
        class_count=case.class_count,
        device="cpu",
    )
    result = train(case.inputs, case.given_N, class_count=case.class_count, config=config)
    return {
        "seconds": round(result.seconds, 1),
        "samples_per_second": round(result.samples_per_second),
        **_detection(result.signals, case),
        **_estimates(result, case),
        "config": asdict(config),
    }


def _detection(signals: Signals, case: Case) -> dict[str, float]:
    figures = {"suggestions_right": round(float((signals.top_labels_N3[:, 0] == case.true_N).mean()), 4)}
    if not case.is_error_N.any():
        return figures
    scores = {
        "distance_average": signals.distance_average,
        "distance_last": signals.distance_last,
        "margin": -signals.margin,
        "loss": signals.loss,
        "predicted_gradient_norm": signals.predicted_gradient_norm,
    }
    for name, score_N in scores.items():
        figures[f"auc_{name}"] = round(
            detection_metrics.measure_detection(score_N, case.is_error_N).roc_auc, 5
        )
    found = detection_metrics.measure_detection(signals.distance, case.is_error_N)
    count = int(case.is_error_N.sum())
    precision = detection_metrics.measure_precision(signals.distance, case.is_error_N, [count])[count]
    return figures | {
        "average_precision": round(found.average_precision, 5),
        "precision_at_error_count": round(precision, 4),
    }


def _estimates(result: TrainingResult, case: Case) -> dict[str, float]:
    signals = result.signals
    disagrees_N = signals.top_labels_N3[:, 0] != case.given_N
    ranked = gather_signals(
        signals,
        case.given_N,
        score=result.config.score,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=result.classifier_probabilities_NK,
        cross_fitted=result.cross_fitted,
    )
    figures = {"error_rate": float(case.is_error_N.mean()), "disagreement": float(disagrees_N.mean())}
    task = Task(inputs=case.inputs, given_N=case.given_N, true_N=case.true_N, class_count=case.class_count)
    estimate = estimate_errors(task, result.cross_fitted, ranked["score"])
    if estimate is not None:
        figures |= {
            "error_rate_estimated": estimate.claim.centre,
            "may_claim": float(estimate.may_claim),
            "flagged": float(estimate.is_flagged_N.mean()),
            "calibration_error": calibration_error(estimate.error_probability_N, case.is_error_N),
        }
    if case.is_error_N.any():
        precision_P, recall_P, _ = precision_recall_curve(case.is_error_N, signals.distance_average)
        attainable_P = 2 * precision_P * recall_P / np.maximum(precision_P + recall_P, 1e-12)
        if estimate is not None:
            figures["f1"] = f1_score(case.is_error_N, estimate.is_flagged_N)
        figures["f1_disagreement"] = f1_score(case.is_error_N, disagrees_N)
        figures["f1_attainable"] = attainable_P.max()
    return {name: round(float(value), 4) for name, value in figures.items()}


def calibration_error(probability_N: npt.NDArray[Any], is_error_N: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` bins of equal width."""
    bin_N = np.minimum((probability_N * BINS).astype(int), BINS - 1)
    gaps = [
        abs(probability_N[bin_N == index].mean() - is_error_N[bin_N == index].mean())
        * (bin_N == index).mean()
        for index in np.unique(bin_N)
    ]
    return float(sum(gaps))


def _machine() -> dict[str, str]:
    return {
        "cpu": f"{torch.cpu.get_capabilities().get('cpu_name', platform.processor())}",
        "threads": f"{torch.get_num_threads()}",
        "load_at_start": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def main(arguments: Sequence[str]) -> None:
    """Measure the named cases and append their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with mnist/, letter/, flowers5/ and cifar10/")
    parser.add_argument("cases", nargs="+", choices=CASES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="+", type=_setting, default=[], metavar="FIELD=VALUE")
    options = parser.parse_args(arguments)
    for name in options.cases:
        for seed in options.seeds:
            machine = _machine()
            figures = measured(CASES[name](options.data, seed), dict(options.set), seed)
            line = json.dumps({"case": name, "set": dict(options.set), **figures, "machine": machine})
            with RESULTS.open("a") as file:
                file.write(line + "\n")
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
