"""The assignment of labels to the scorers that are blind to them, by the given labels and the seed."""

import numpy as np
import torch
from torch import Tensor

_STREAM = 3
"""Stream of the seed; `shuffling` uses the streams before it."""
NOBODY = -1
"""Instead of a scorer's number: every scorer learns this label."""


def assign_folds(labels_N: Tensor, *, folds: int, blind_fraction: float, seed: int) -> Tensor | None:
    """Return, for every sample, the number of the scorer that never learns its label [N].

    The assignment is stratified: the folds' numbers of samples of a class differ by at most one.

    Args:
        labels_N: the given labels.
        folds: the number of scorers, each blind to one fold; 1: see `blind_fraction`.
        blind_fraction: with one scorer, the share of labels that it never learns; other labels get NOBODY.
        seed: the seed of the assignment.

    Returns:
        int64 [N] on the CPU; None if no scorer is blind to any label.

    Raises:
        ValueError: there are more folds than samples.

    """
    count = len(labels_N)
    if folds > count:
        raise ValueError(f"{count} samples cannot be split into {folds} folds.")
    if folds == 1 and blind_fraction == 0:
        return None
    order_N = _order_by_class(labels_N.cpu().numpy(), seed)
    place_N = np.arange(count)
    if folds > 1:
        blind_N = place_N % folds
    else:
        passed_N = np.floor((place_N + 1) * blind_fraction) > np.floor(place_N * blind_fraction)
        blind_N = np.where(passed_N, 0, NOBODY)
    membership_N = np.empty(count, dtype=np.int64)
    membership_N[order_N] = blind_N
    return torch.from_numpy(membership_N)


def _order_by_class(
    labels_N: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the samples' positions, class by class, shuffled within each class."""
    shuffled_N = np.random.default_rng([seed, _STREAM]).permutation(len(labels_N))
    return shuffled_N[np.argsort(labels_N[shuffled_N], kind="stable")]


def measure_seen_shares(membership_N: Tensor | None, *, scorers: int) -> list[float]:
    """Return, for every scorer, the share of these samples whose labels it learns."""
    if membership_N is None:
        return [1.0] * scorers
    return [float((membership_N != scorer).double().mean()) for scorer in range(scorers)]
