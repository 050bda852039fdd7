"""Measure rankings of samples with several labels, by a running service; one command, resumable.

    limit-audit up &
    python -m bench.label_sets --server http://127.0.0.1:8000

Made-up data (scikit-learn's multilabel generator): every label of every sample is turned with the same
probability, so that a class is missing or too much. Every finished run adds a line to
bench/label_sets/results/label_sets.jsonl and is not run again. Array names: N samples, K classes.
"""

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from app.client import Client, Dataset
from bench.paper.results import Results
from bench.peers.__main__ import machine

FOLDER = Path(__file__).with_name("results")
SAMPLES, FEATURES = 1_500, 30
NAMES = ("sea", "sky", "tree", "road", "people")
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def main(arguments: Sequence[str]) -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--rates", nargs="+", type=float, default=[0.03, 0.1])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args(arguments)
    results = Results(FOLDER / "label_sets.jsonl")
    with Client(options.server) as client:
        for seed in options.seeds:
            for rate in options.rates:
                key = {"rate": rate, "seed": seed, "samples": SAMPLES}
                if results.get(key) is None:
                    results.add(key, {"scores": _measure(client, rate, seed), "machine": machine()})


def _measure(client: Client, rate: float, seed: int) -> dict[str, Any]:
    features_NF, true_NK = make_multilabel_classification(
        n_samples=SAMPLES, n_features=FEATURES, n_classes=len(NAMES), n_labels=2, length=80, random_state=seed
    )
    wrong_NK = np.random.default_rng(seed).random(true_NK.shape) < rate
    given_NK = true_NK.astype(bool) ^ wrong_NK
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        dataset = _upload(client, Path(folder) / "sets.csv", features_NF, given_NK)
    classes = dataset.audit_classes(progress=False)
    seconds = time.monotonic() - start
    service_NK, claims = _read_ranks(client, classes)
    order_N = np.empty(SAMPLES)
    for place, item in enumerate(dataset.label_sets()):
        order_N[item["position"]] = -place
    peer_NK = _rank_by_regression(features_NF, given_NK)
    return {
        "seconds": seconds,
        "claims": claims,
        "wrong": int(wrong_NK.sum()),
        "labels, service": _score_labels(wrong_NK, service_NK),
        "labels, five-fold logistic regression": _score_labels(wrong_NK, peer_NK),
        "samples, service": _score(wrong_NK.any(1), order_N),
        "samples, five-fold logistic regression, worst label": _score(wrong_NK.any(1), peer_NK.max(1)),
    }


def _upload(client: Client, file: Path, features_NF: Floats, given_NK: Flags) -> Dataset:
    with file.open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["id", *(f"f{at}" for at in range(FEATURES)), "labels"])
        for at, (row, has_K) in enumerate(zip(features_NF.tolist(), given_NK, strict=True)):
            table.writerow([f"s{at}", *row, ";".join(np.array(NAMES)[has_K])])
    dataset = client.upload(file, progress=False, label_column="labels", label_separator=";")
    return dataset.wait(progress=False)


def _read_ranks(client: Client, classes: Sequence[dict[str, Any]]) -> tuple[Floats, dict[str, Any]]:
    """Return minus the rank of each label [N, K], and of each class the interval that is claimed."""
    minus_rank_NK = np.empty((SAMPLES, len(NAMES)))
    for each in classes:
        at = NAMES.index(each["class_name"])
        for item in client.pages(f"/v1/audits/{each['audit']['id']}/suspects", limit=500):
            minus_rank_NK[item["position"], at] = -item["rank"]
    return minus_rank_NK, {each["class_name"]: each["audit"]["interval"] for each in classes}


def _rank_by_regression(features_NF: Floats, given_NK: Flags) -> Floats:
    """Return the out-of-sample probability that each label is wrong [N, K]."""
    wrong_NK = np.empty(given_NK.shape)
    for at in range(given_NK.shape[1]):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
        has_N = cross_val_predict(model, features_NF, given_NK[:, at], cv=5, method="predict_proba")[:, 1]
        wrong_NK[:, at] = np.where(given_NK[:, at], 1 - has_N, has_N)
    return wrong_NK


def _score_labels(wrong_NK: Flags, score_NK: Floats) -> list[float]:
    """Return ROC AUC and average precision, each the mean over classes."""
    found = [_score(wrong_NK[:, at], score_NK[:, at]) for at in range(wrong_NK.shape[1])]
    return np.mean(found, axis=0).round(4).tolist()  # type: ignore[no-any-return]


def _score(wrong_N: Flags, score_N: Floats) -> list[float]:
    return [
        round(float(roc_auc_score(wrong_N, score_N)), 4),
        round(float(average_precision_score(wrong_N, score_N)), 4),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
