"""Measure rankings of samples with several labels, by a running service; one command, resumable.

    limit-audit up &
    python -m bench.label_sets --server http://127.0.0.1:8000 [--photographs DATA]

Made-up data (scikit-learn's multilabel generator), or pictures that are put together of up to four
photographs of flowers in DATA: every label of every sample is turned with the same probability, so that a
class is missing or too much. Every finished run adds a line to bench/label_sets/results/label_sets.jsonl and
is not run again. Array names: N samples, K classes.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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

from app.client import Client
from bench.label_sets.scenes import FLOWERS, draw_scenes, write_archive
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
    parser.add_argument("--photographs", type=Path, help="folder with flowers5/; else made-up features")
    parser.add_argument("--rates", nargs="+", type=float, default=[0.03, 0.1])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args(arguments)
    results = Results(FOLDER / "label_sets.jsonl")
    with Client(options.server) as client:
        for seed in options.seeds:
            for rate in options.rates:
                kind = {} if options.photographs is None else {"kind": "photographs"}
                key = {"rate": rate, "seed": seed, "samples": SAMPLES, **kind}
                if results.get(key) is None:
                    made = _make_scenes(options.photographs, seed) if kind else _make_features(seed)
                    scores = _measure(client, made, rate, seed)
                    results.add(key, {"scores": scores, "machine": machine()})


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Samples with several labels each."""

    names: Sequence[str]
    true_NK: Flags
    write: Callable[[Path, Flags], Path]
    """Writes a file with given labels into a folder, and returns its path."""
    options: dict[str, Any]
    """How the file is read."""
    features_NF: Floats | None = None
    """What logistic regression sees; None: the encoder's features."""


def _make_features(seed: int) -> _Task:
    features_NF, true_NK = make_multilabel_classification(
        n_samples=SAMPLES, n_features=FEATURES, n_classes=len(NAMES), n_labels=2, length=80, random_state=seed
    )
    return _Task(
        names=NAMES,
        true_NK=true_NK.astype(np.bool_),
        write=partial(_write_table, features_NF),
        options={"label_column": "labels", "label_separator": ";"},
        features_NF=features_NF,
    )


def _make_scenes(data: Path, seed: int) -> _Task:
    scenes, true_NK = draw_scenes(data, SAMPLES, seed)
    return _Task(
        names=FLOWERS,
        true_NK=true_NK,
        write=partial(write_archive, scenes),
        options={"class_columns": [f"{FLOWERS[0]}..{FLOWERS[-1]}"]},
    )


def _measure(client: Client, task: _Task, rate: float, seed: int) -> dict[str, Any]:
    wrong_NK: Flags = np.random.default_rng(seed).random(task.true_NK.shape) < rate
    wrong_N = np.asarray(wrong_NK.any(1))
    given_NK = task.true_NK ^ wrong_NK
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        file = task.write(Path(folder), given_NK)
        dataset = client.upload(file, progress=False, **task.options).wait(progress=False)
        classes = dataset.audit_classes(progress=False)
        seconds = time.monotonic() - start
        features_NF = task.features_NF
        if features_NF is None:
            audit = client.get_audit(classes[0]["audit"]["id"])
            features_NF = np.load(audit.export("features.npy", Path(folder) / "features.npy"))
    service_NK, claims = _read_ranks(client, classes, task.names)
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
        "samples, service": _score(wrong_N, order_N),
        "samples, five-fold logistic regression, worst label": _score(wrong_N, peer_NK.max(1)),
    }


def _write_table(features_NF: Floats, folder: Path, given_NK: Flags) -> Path:
    file = folder / "sets.csv"
    with file.open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["id", *(f"f{at}" for at in range(FEATURES)), "labels"])
        for at, (row, has_K) in enumerate(zip(features_NF.tolist(), given_NK, strict=True)):
            table.writerow([f"s{at}", *row, ";".join(np.array(NAMES)[has_K])])
    return file


def _read_ranks(
    client: Client, classes: Sequence[dict[str, Any]], names: Sequence[str]
) -> tuple[Floats, dict[str, Any]]:
    """Return minus the rank of each label [N, K], and of each class the interval that is claimed."""
    minus_rank_NK = np.empty((SAMPLES, len(names)))
    for each in classes:
        at = names.index(each["class_name"])
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
