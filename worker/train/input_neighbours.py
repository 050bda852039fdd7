"""The nearest samples by what a run is trained on; labels and trained networks do not enter."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.data_issues.neighbour_search import find_nearest_inputs
from models.error_model.assumptions import CONSTANTS
from models.kinds.compared_kinds import find_compared_kind
from models.kinds.sample_arrays import Inputs
from worker.jobs import neighbour_files

WIDTH_MAX = 1_024
"""Most values of a sample that are compared: larger pictures are reduced, and more features projected."""


def find_input_neighbours(
    inputs: Inputs, *, device: str, seed: int, bytes_max: int, on_block: Callable[[], None]
) -> npt.NDArray[np.int32] | None:
    """Return the nearest other samples of each [N, k]; None if too few values of each fit into the memory.

    Args:
        inputs: samples, or a pretrained network's features of them.
        device: the torch device that compares.
        seed: of the search among many samples.
        bytes_max: the most bytes of the values that are compared.
        on_block: called about every second; its exceptions propagate.

    """
    width = min(WIDTH_MAX, neighbour_files.choose_width(len(inputs), bytes_max=bytes_max))
    if width == 0 or len(inputs) <= 2:  # noqa: PLR2004 - neighbours are two or more
        return None
    points_NW = find_compared_kind(inputs).make_points(inputs, width=width)
    on_block()
    return find_nearest_inputs(
        points_NW, count=CONSTANTS.neighbours, device=device, seed=seed, on_block=on_block
    )
