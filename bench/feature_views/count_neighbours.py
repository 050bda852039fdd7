"""Compare the neighbours of the count: by the cosine that the ranking uses, or the standardised distance.

    python -m bench.feature_views.count_neighbours --data DATA --cache FOLDER --seeds 0 1 2

Prints a line for each task and kind of neighbours: the truth, the count with its interval, whether it is
claimed, the calibration error, and the seconds of the search. The evidence is the probe, as in a worker.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.feature_views.detectors import BYTES_MAX, count_by
from bench.feature_views.tasks import TASKS, load
from models.data_issues.neighbour_search import find_nearest
from models.error_model.assumptions import CONSTANTS
from models.feature_views.neighbour_votes import NEIGHBOURS
from models.feature_views.ridge_probe import predict_out_of_sample
from worker.train.input_neighbours import find_input_neighbours


def main(arguments: Sequence[str]) -> None:
    """Print one row for each task, seed and kind of neighbours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="the folder of features")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in options.tasks:
        for seed in options.seeds:
            task = load(name, options.data, options.cache, seed)
            probe_NK = predict_out_of_sample(task.inputs, task.given_N, class_count=task.class_count)
            for kind, search in SEARCHES.items():
                began = perf_counter()
                near_Nk = search(task.inputs)
                seconds = perf_counter() - began
                found = count_by(task, probe_NK, near_Nk)
                _print(name, seed, kind, {"truth": float(task.is_error.mean()), **found, "seconds": seconds})


def _search_cosine(features_ND: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    near = find_nearest(features_ND.astype(np.float16), count=NEIGHBOURS)
    return near.index_Nk[:, : CONSTANTS.neighbours]


def _search_standardised(features_ND: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    found = find_input_neighbours(
        features_ND, device="cpu", seed=0, bytes_max=BYTES_MAX, on_block=lambda: None
    )
    assert found is not None
    return found


SEARCHES: Mapping[str, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.int32]]] = {
    "standardised": _search_standardised,
    "cosine": _search_cosine,
}


def _print(name: str, seed: int, kind: str, found: dict[str, Any]) -> None:
    claimed = "yes" if found["may_claim"] else "no"
    interval = "{:.3f} to {:.3f}".format(*found["interval"])
    print(  # noqa: T201 - the command's output
        f"| {name} | {seed} | {kind} | {found['truth']:.3f} | {found['share']:.3f} | {interval} | {claimed}"
        f" | {found['calibration_error']:.3f} | {found['seconds']:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
