"""The product's count of wrong labels, from a training's result: as `worker` makes it of a run's files."""

import numpy as np
import numpy.typing as npt

from bench.peers.tasks import Task
from models.cross_fitting.cross_fitted import CrossFitted
from models.data_issues.neighbour_search import find_nearest_inputs
from models.error_model.assumptions import CONSTANTS
from models.error_model.estimate import Estimate, fit
from models.error_model.fitted_models import has_too_many_classes
from models.error_model.sample_evidence import Evidence
from models.kinds.compared_kinds import find_compared_kind

WIDTH = 1_024
"""As `worker.train.input_neighbours.WIDTH_MAX`."""


def estimate_errors(
    task: Task, fitted: CrossFitted | None, score_N: npt.NDArray[np.floating]
) -> Estimate | None:
    """Return the estimate; None if no network was blind to any label, or there are too many classes.

    Args:
        task: see `Task`.
        fitted: `TrainingResult.cross_fitted`.
        score_N: what ranks.

    """
    if fitted is None:
        return None
    is_out_of_sample_N = fitted.blind_N >= 0
    evidence = Evidence(
        labels_N=task.given_N,
        probabilities_NK=fitted.probabilities_NK,
        neighbours_Nk=find_neighbours(task),
        is_out_of_sample_N=None if is_out_of_sample_N.all() else is_out_of_sample_N,
        score_N=score_N,
    )
    return None if has_too_many_classes(evidence) else fit(evidence)


def find_neighbours(task: Task) -> npt.NDArray[np.int32]:
    """Return the nearest other samples of each by the inputs [N, k], as `worker` finds them."""
    points_NW = find_compared_kind(task.inputs).make_points(task.inputs, width=WIDTH)
    return find_nearest_inputs(points_NW, count=CONSTANTS.neighbours)
