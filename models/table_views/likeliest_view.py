"""Which out-of-sample probabilities are the evidence, if there are several: held-out likelihood decides.

Array names: N samples, K classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.feature_views.combined_probabilities import combine_probabilities
from models.table_views.boosted_trees import measure_loss


def choose_likeliest(
    views: Sequence[npt.NDArray[np.float32]], labels_N: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float32]:
    """Return the view, or the geometric mean of all, by which the given labels are likeliest [N, K].

    No label may have entered its own row. Of calibrated probabilities the likelier ones know more; of equally
    good ones the likelier ones are calibrated better. One choice of few by N labels needs no correction.

    Args:
        views: one or more arrays [N, K] whose rows sum to 1.
        labels_N: the given labels.

    """
    candidates = [*views, combine_probabilities(views)] if len(views) > 1 else list(views)
    return min(candidates, key=lambda view_NK: measure_loss(view_NK, labels_N))
