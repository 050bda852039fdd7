"""Compare a rehearsal's estimate of ROC AUC with the real value, on tasks with known correct labels.

    python -m bench.peers.rehearse --data DATA --seeds 0 --count 10000

A task's labels are what a user would have. Errors are planted in a copy, as the service does it: uniformly,
with the automatic share. In the same training, the estimate uses the planted errors only and the real value
uses the task's own errors. Each line is appended to bench/peers/results/rehearsals.jsonl.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from bench.paper.results import Line, Results
from bench.peers.__main__ import FOLDER, configuration, machine
from bench.peers.detectors import Finding, limit
from bench.peers.tasks import TASKS, Task
from models.label_errors import rehearsal
from models.paper import label_noise

PLANTING_STREAM = 7_000
"""Added to the seed, whose own draws planted the task's noise."""


def planted(task: Task, seed: int) -> Task:
    """Return the task with errors planted in its given labels, which now are the truth."""
    rate = rehearsal.choose_share(len(task.given_N))
    given_N, _ = label_noise.add_uniform_noise(
        task.given_N, class_count=task.class_count, rate=rate, seed=PLANTING_STREAM + seed
    )
    return Task(inputs=task.inputs, given_N=given_N, true_N=task.given_N, class_count=task.class_count)


def figures(task: Task, rehearsed: Task, finding: Finding) -> dict[str, Any]:
    """Return the estimates and, of the labels that were left alone, what is really so."""
    order_N = np.argsort(-finding.scores["limit score (default)"], kind="stable")
    if finding.error_probability_N is None or finding.reasons:
        raise ValueError(f"a rehearsal needs error probabilities that may be claimed: {finding.reasons}")
    flagged_N = finding.cuts["limit cut"]
    told = rehearsal.evaluate_rehearsal(
        is_planted_N=rehearsed.is_error[order_N],
        error_probability_N=finding.error_probability_N[order_N],
        is_label_issue_N=flagged_N[order_N],
        class_count=task.class_count,
    )
    alone_N = ~rehearsed.is_error
    score_N, is_error_N = finding.scores["limit score (default)"][alone_N], task.is_error[alone_N]
    flagged_errors = int((flagged_N[alone_N] & is_error_N).sum())
    return {
        "planted": told.planted_count,
        "roc_auc": {"estimate": told.roc_auc, "real": float(roc_auc_score(is_error_N, score_N))},
        "cut_recall": {"estimate": told.cut_recall, "real": flagged_errors / int(is_error_N.sum())},
        "cut_precision": {
            "estimate": told.cut_precision,
            "real": flagged_errors / max(int(flagged_N[alone_N].sum()), 1),
        },
    }


def table(lines: Sequence[Line]) -> str:
    """Return estimate and real figure of every rehearsal in Markdown."""
    names = ("roc_auc", "cut_recall", "cut_precision")
    head = "| task | seed | " + " | ".join(f"{name}: estimate / real" for name in names) + " |\n"
    body = [
        [line["key"]["task"], str(line["key"]["seed"])]
        + [f"{line[name]['estimate']:.3f} / {line[name]['real']:.3f}" for name in names]
        for line in lines
    ]
    return head + "|---" * (len(names) + 2) + "|\n" + "".join(f"| {' | '.join(row)} |\n" for row in body)


def main(arguments: Sequence[str]) -> None:
    """Rehearse on every task and seed that has no line yet, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/, letter/, cifar10/ ...")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--count", type=int, help="samples of each task, drawn by the seed; default all")
    options = parser.parse_args(arguments)
    results = Results(FOLDER / "rehearsals.jsonl")
    for name in options.tasks:
        for seed in options.seeds:
            key = {"task": name, "seed": seed, "count": options.count}
            if results.get(key) is None:
                started_on = machine()
                task = TASKS[name](options.data, seed, options.count)
                rehearsed = planted(task, seed)
                finding = limit(rehearsed, configuration(rehearsed, seed=seed, epochs=None))
                results.add(key, {**figures(task, rehearsed, finding), "machine": started_on})
    sys.stdout.write(table(results.lines()))


if __name__ == "__main__":
    main(sys.argv[1:])
