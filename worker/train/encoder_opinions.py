"""What an encoder's features say of the labels beside LIMIT: no network that was trained on a label enters.

Shape suffixes: N samples, D features, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data_issues.neighbours import Neighbours
from models.feature_views.neighbour_votes import NEIGHBOURS, count_weighted_votes
from models.feature_views.ridge_probe import predict_out_of_sample


@dataclass(frozen=True, kw_only=True)
class EncoderOpinions:
    """Class probabilities of every sample [N, K] by the labels of the others alone."""

    probe_NK: npt.NDArray[np.float32]
    """By a linear probe, leave-one-out."""
    votes_NK: npt.NDArray[np.float32]
    """By the nearest samples."""


def gather_opinions(
    features_ND: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    near: Neighbours,
    *,
    class_count: int,
    device: str,
    on_block: Callable[[], None],
) -> EncoderOpinions:
    """Return what the features say.

    Args:
        features_ND: of an encoder; at least 2 rows.
        labels_N: the given labels, in 0 .. class_count - 1.
        near: the nearest samples by the features, `neighbour_votes.NEIGHBOURS` of each or more.
        class_count: K.
        device: the torch device that computes.
        on_block: called about every second; its exceptions propagate.

    """
    probe_NK = predict_out_of_sample(
        features_ND, labels_N, class_count=class_count, device=device, on_block=on_block
    )
    voting = near.take(NEIGHBOURS)
    votes_NK = count_weighted_votes(voting.index_Nk, voting.similarity_Nk, labels_N, class_count=class_count)
    return EncoderOpinions(probe_NK=probe_NK, votes_NK=votes_NK)
