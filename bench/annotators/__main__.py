"""Measure consensus and annotators' quality on simulated annotators; one command, resumable.

    python -m bench.annotators

Every case trains LIMIT with its defaults (or, with `--classifier linear`, logistic regressions) on the most
frequent labels, takes the probabilities that never saw them, and forms the consensus. Every finished case
adds a line to bench/annotators/results/cases.jsonl and is not run again; the table beside it is made from
all lines.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.annotators.crowds import REGIMES, Crowd, make_crowd
from bench.paper.results import Results
from bench.peers.__main__ import machine
from models.annotators.annotations import find_majority
from models.annotators.consensus import Consensus, find_consensus
from models.configuration.training_config import resolve
from models.training.loop import train

FOLDER = Path(__file__).with_name("results")
Labels = npt.NDArray[Any]
DATA = ("blobs", "digits")
CERTAIN = 0.95
COLUMNS = (
    *("annotators", "cases", "majority", "Dawid-Skene alone", "classifier alone", "consensus"),
    *("intervals of quality that hold it", "their width", "without classifier"),
    *("of those at .95 or more, wrong", "without classifier", "count of wrong labels in its interval"),
    "nothing claimed",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"


Classifier = Callable[[Crowd, Labels, int], tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]


def train_limit(crowd: Crowd, labels_N: Labels, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return LIMIT's probabilities that never saw the label, by its defaults."""
    class_count = crowd.annotations.class_count
    shape = crowd.inputs_ND.shape[1:]
    config = resolve(
        {"seed": seed}, shape=shape, sample_count=len(labels_N), class_count=class_count, device="cpu"
    )
    fitted = train(crowd.inputs_ND, labels_N, class_count=class_count, config=config).cross_fitted
    assert fitted is not None, "small data is cross-fitted by default"
    return fitted.probabilities_NK, fitted.blind_N >= 0


def fit_linear(crowd: Crowd, labels_N: Labels, _: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the probabilities of logistic regressions in four folds."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    probabilities_NK = cross_val_predict(model, crowd.inputs_ND, labels_N, cv=4, method="predict_proba")
    return probabilities_NK, np.ones(len(labels_N), dtype=np.bool_)


CLASSIFIERS: dict[str, Classifier] = {"limit": train_limit, "linear": fit_linear}


def measure(crowd: Crowd, classifier: str, *, seed: int) -> dict[str, Any]:
    """Return the figures of one case."""
    majority_N, _ = find_majority(crowd.annotations)
    probabilities_NK, is_blind_N = CLASSIFIERS[classifier](crowd, majority_N, seed)
    start = time.monotonic()
    found = find_consensus(crowd.annotations, probabilities_NK, is_blind_N, seed=seed)
    seconds = time.monotonic() - start
    alone = find_consensus(crowd.annotations, seed=seed)
    return {
        "majority": float((majority_N == crowd.true_N).mean()),
        "alone": float((alone.label_N == crowd.true_N).mean()),
        "classifier": float((probabilities_NK.argmax(1) == crowd.true_N).mean()),
        "consensus": float((found.label_N == crowd.true_N).mean()),
        "with": _judge(found, crowd),
        "without": _judge(alone, crowd),
        "seconds": seconds,
    }


def _judge(found: Consensus, crowd: Crowd) -> dict[str, Any]:
    """Return how true what is said of annotators and labels is."""
    quality = found.quality
    is_inside_J = (quality.low_J <= crowd.accuracy_J) & (crowd.accuracy_J <= quality.high_J)
    is_wrong_N = found.label_N != crowd.true_N
    certain_N = found.probability_N >= CERTAIN
    interval = found.wrong_interval
    wrong = int(is_wrong_N.sum())
    return {
        "inside": int(is_inside_J.sum()),
        "annotators": len(is_inside_J),
        "width": float(np.mean(quality.high_J - quality.low_J)),
        "certain": int(certain_N.sum()),
        "certain_wrong": int(is_wrong_N[certain_N].sum()),
        "wrong": wrong,
        "interval": interval,
        "holds": None if interval is None else bool(interval[0] <= wrong <= interval[1]),
        "misled": found.misled,
        "unevenness": found.unevenness,
        "reasons": [str(reason) for reason in found.reasons],
    }


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--classifier", choices=list(CLASSIFIERS), default="limit")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = Results(FOLDER / "cases.jsonl")
    for seed in options.seeds:
        for data in options.data:
            for name, regime in REGIMES.items():
                key = {
                    "classifier": options.classifier,
                    "data": data,
                    "annotators": name,
                    "seed": seed,
                }
                if results.get(key) is None:
                    figures = measure(make_crowd(data, regime, seed=seed), options.classifier, seed=seed)
                    results.add(key, {**figures, "machine": machine()})
    for classifier in CLASSIFIERS:
        lines = [line for line in results.lines() if line["key"]["classifier"] == classifier]
        if lines:
            (FOLDER / f"{classifier}.md").write_text(tabulate(lines))


def tabulate(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return the table by kind of annotators, and of all cases."""
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[line["key"]["annotators"]].append(line)
        groups["**all**"].append(line)
    groups["**all**"] = groups.pop("**all**", [])
    return HEAD + "".join(_write_row(name, group) for name, group in groups.items())


def _write_row(name: str, group: Sequence[Mapping[str, Any]]) -> str:
    accuracies = [
        f"{fmean(line[each] for line in group):.3f}"
        for each in ("majority", "alone", "classifier", "consensus")
    ]
    by = {each: [line[each] for line in group] for each in ("with", "without")}
    held = [line["holds"] for line in by["with"] if line["holds"] is not None]
    inside = {each: sum(line["inside"] for line in by[each]) / _sum(by[each], "annotators") for each in by}
    cells = [
        f"{inside['with']:.2f}",
        f"{fmean(line['width'] for line in by['with']):.2f}",
        f"{inside['without']:.2f}",
        *(f"{_sum(by[each], 'certain_wrong')} of {_sum(by[each], 'certain')}" for each in by),
        f"{sum(held)} of {len(held)}",
        str(sum(bool(line["reasons"]) for line in by["with"])),
    ]
    return f"| {' | '.join([name, str(len(group)), *accuracies, *cells])} |\n"


def _sum(lines: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(line[name] for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
