"""Measure what Fast and Thorough rank beside the default: fewer epochs, one fold, three trainings averaged.

    python -m bench.evidence.presets --data DATA --cache FOLDER --tasks digits-700 "flowers, uniform 20 %"

Prints a line for each task, seed and setting: area under ROC, average precision, seconds of a processor.
Tasks of `bench.feature_views` are ranked with the probe and the neighbours, as a worker does.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.feature_views import tasks as encoded
from bench.peers.figures import ranking
from bench.peers.small_tasks import AT_10000, SMALL
from bench.peers.tasks import Task
from models.configuration.training_config import TrainingConfig, resolve
from models.data_issues.neighbour_search import find_nearest
from models.feature_views.neighbour_votes import NEIGHBOURS, count_weighted_votes
from models.feature_views.ridge_probe import predict_out_of_sample
from models.label_errors.ensemble import average_signals
from models.label_errors.evidence import gather_signals
from models.training.loop import train

REPEATS = 3
SETTINGS: Mapping[str, Mapping[str, int]] = {
    "default": {},
    "8 epochs": {"epochs": 8},
    "10 epochs": {"epochs": 10},
    "one fold": {"folds": 1},
}
Arrays = Mapping[str, npt.NDArray[Any]]


def main(arguments: Sequence[str]) -> None:
    """Print one row for each task, seed and setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="the folder of features")
    parser.add_argument("--tasks", nargs="+", choices=[*SMALL, *AT_10000, *encoded.TASKS], required=True)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["default", "10 epochs"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in options.tasks:
        for seed in options.seeds:
            if name in encoded.TASKS:
                task = encoded.load(name, options.data, options.cache, seed)
                opinions = _gather_opinions(task)
            else:
                task, opinions = {**SMALL, **AT_10000}[name](options.data, seed, None), []
            for title, (score_N, seconds) in _rank(task, opinions, options.settings, seed):
                _print(name, seed, title, ranking(score_N, task.is_error), seconds)


def _rank(
    task: Task, opinions: Sequence[npt.NDArray[np.float32]], settings: Sequence[str], seed: int
) -> Iterator[tuple[str, tuple[npt.NDArray[Any], float]]]:
    """Yield each setting's score and seconds, and those of three trainings of the default averaged."""
    for title in settings:
        began = process_time()
        trainings = [_train(task, opinions, _resolve(task, SETTINGS[title], seed))]
        yield title, (trainings[0]["score"], process_time() - began)
        if title == "default":
            for repeat in range(1, REPEATS):
                trainings.append(_train(task, opinions, _resolve(task, {}, seed + repeat)))  # noqa: PERF401 - slow work, one by one
            yield f"{REPEATS} trainings", (average_signals(trainings)["score"], process_time() - began)


def _resolve(task: Task, setting: Mapping[str, int], seed: int) -> TrainingConfig:
    return resolve(
        {"seed": seed, **setting},
        shape=task.inputs.shape[1:],
        sample_count=len(task.inputs),
        class_count=task.class_count,
        device="cpu",
    )


def _train(task: Task, opinions: Sequence[npt.NDArray[np.float32]], config: TrainingConfig) -> Arrays:
    """Return the signals of one training, as a worker stores them."""
    result = train(task.inputs, task.given_N, class_count=task.class_count, config=config)
    return gather_signals(
        result.signals,
        task.given_N,
        score=config.score,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=result.classifier_probabilities_NK,
        cross_fitted=result.cross_fitted,
        opinions=opinions,
    )


def _gather_opinions(task: Task) -> list[npt.NDArray[np.float32]]:
    near = find_nearest(task.inputs.astype(np.float16), count=NEIGHBOURS)
    return [
        predict_out_of_sample(task.inputs, task.given_N, class_count=task.class_count),
        count_weighted_votes(near.index_Nk, near.similarity_Nk, task.given_N, class_count=task.class_count),
    ]


def _print(task: str, seed: int, title: str, figures: dict[str, float], seconds: float) -> None:
    area, precision = figures["auroc"], figures["ap"]
    print(  # noqa: T201 - the command's output
        f"| {task} | {seed} | {title} | {area:.4f} | {precision:.4f} | {seconds:.0f} |", flush=True
    )


if __name__ == "__main__":
    main(sys.argv[1:])
