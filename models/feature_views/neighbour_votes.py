"""Class probabilities by the labels of the nearest samples; a sample's own label has no vote.

Shape suffixes: N samples, k neighbours, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 30
"""Votes; 10 rank worse, 100 as well as 30 (bench/feature_views/RESULTS.md)."""
TEMPERATURE = 0.1
"""A vote weighs exp(cosine / 0.1): the likeliest of .05, .1 and .3 (bench/feature_views/RESULTS.md)."""
PRIOR_VOTES = 0.5
"""Of the frequency of the labels, in votes of the nearest neighbour (Jeffreys): no probability is 0."""


def count_weighted_votes(
    index_Nk: npt.NDArray[np.integer[Any]],
    similarity_Nk: npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    class_count: int,
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of every sample by its neighbours' labels [N, K].

    Args:
        index_Nk: the nearest other samples of each, the nearest first.
        similarity_Nk: their cosines, -1 to 1.
        labels_N: the given labels, in 0 .. class_count - 1.
        class_count: K.

    """
    weight_Nk = np.exp((similarity_Nk - similarity_Nk[:, :1]) / TEMPERATURE)
    frequency_K = np.bincount(labels_N, minlength=class_count) / len(labels_N)
    votes_NK = np.tile(PRIOR_VOTES * frequency_K, (len(labels_N), 1))
    rows_N = np.arange(len(labels_N))
    for near_N, weight_N in zip(index_Nk.T, weight_Nk.T, strict=True):
        votes_NK[rows_N, labels_N[near_N]] += weight_N  # a row has one vote a column, so none is lost
    shares_NK: npt.NDArray[np.float32] = (votes_NK / votes_NK.sum(1, keepdims=True)).astype(np.float32)
    return shares_NK
