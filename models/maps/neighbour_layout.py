"""Points in two dimensions that keep neighbours together: t-SNE by openTSNE.

Few samples are laid out together. Of many, some thousands (landmarks) are laid out, and each other sample is
put between its nearest landmarks. All 15 neighbours have one weight: this looks as with a perplexity of 30
(Boehm, Berens and Kobak, "Attraction-repulsion spectrum in neighbor embeddings", JMLR 2022), and needs a
sixth of the memory.
Shape suffixes: N samples, D features, L landmarks, B of a block, k neighbours.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from openTSNE import TSNEEmbedding
from openTSNE.affinity import Uniform
from openTSNE.nearest_neighbors import PrecomputedNeighbors

from models.data_issues.neighbour_search import find_nearest_inputs

LANDMARKS = 20_000
"""A round of 10,000 points takes .028 s of one core of an AMD EPYC (bench/review/RESULTS.md): a layout of
twice as many is a matter of a minute."""
NEIGHBOURS = 15
BETWEEN = 5
"""Landmarks between which another sample is put."""
EARLY_ROUNDS, ROUNDS = 250, 500
"""openTSNE's defaults, as are the exaggeration of 12 and both momenta."""
CALL_ROUNDS = 10
EXACT_FROM = 3_000
"""From so many points on, interpolation is faster than Barnes and Hut's tree."""
BLOCK_ROWS = 2_048
BEGIN_SPREAD = 1e-4
"""openTSNE's advice: a small beginning, with enough difference to leave it."""

Points = npt.NDArray[np.floating]
OnProgress = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Points in two dimensions, and how they were found."""

    points_N2: npt.NDArray[np.float32]
    landmarks: int
    """Points that were laid out together; the others lie between them."""
    is_complete: bool
    """False: the time was up before the last round."""


def lay_out(
    points_ND: npt.NDArray[np.float32],
    *,
    first: int,
    seed: int,
    threads: int,
    seconds: float,
    on_progress: OnProgress,
) -> Layout:
    """Return points whose neighbours are samples with similar features.

    Args:
        points_ND: the samples' features; Euclidean distance compares them.
        first: so many samples at the beginning are landmarks before all others, where there is room.
        seed: of landmarks and beginning.
        threads: that compute.
        seconds: after these the layout ends as it is.
        on_progress: called with the share that is done; its exceptions stop the computation and propagate.

    """
    count = len(points_ND)
    if count <= 2:  # noqa: PLR2004 - neighbours need three
        return Layout(
            points_N2=np.arange(2 * count, dtype=np.float32).reshape(count, 2),
            landmarks=count,
            is_complete=True,
        )
    landmarks_L = _choose_landmarks(count, min(first, LANDMARKS // 2), seed)
    chosen_LD = points_ND[landmarks_L]
    deadline = time.monotonic() + seconds
    layout_L2, is_complete = _optimise(chosen_LD, seed, threads, deadline, on_progress)
    placed_N2 = np.empty((count, 2), dtype=np.float32)
    placed_N2[landmarks_L] = layout_L2
    others = np.setdiff1d(np.arange(count), landmarks_L)
    for start in range(0, len(others), BLOCK_ROWS):
        rows = others[start : start + BLOCK_ROWS]
        placed_N2[rows] = _put_between(points_ND[rows], chosen_LD, layout_L2)
        on_progress(0.9 + 0.1 * start / len(others))
    return Layout(points_N2=placed_N2, landmarks=len(landmarks_L), is_complete=is_complete)


def _choose_landmarks(count: int, first: int, seed: int) -> npt.NDArray[np.int64]:
    if count <= LANDMARKS:
        return np.arange(count)
    others = first + np.random.default_rng(seed).permutation(count - first)[: LANDMARKS - first]
    return np.concatenate([np.arange(first), np.sort(others)])


def _optimise(
    points_LD: npt.NDArray[np.float32], seed: int, threads: int, deadline: float, on_progress: OnProgress
) -> tuple[npt.NDArray[np.float32], bool]:
    count = len(points_LD)
    nearest_Lk = find_nearest_inputs(
        points_LD.astype(np.float16), count=NEIGHBOURS, seed=seed, on_block=lambda: on_progress(0.0)
    ).astype(np.int64)
    affinities = Uniform(
        knn_index=PrecomputedNeighbors(nearest_Lk, np.ones(nearest_Lk.shape)), symmetrize="mean"
    )
    embedding = TSNEEmbedding(
        _begin(points_LD, seed),
        affinities,
        negative_gradient_method="bh" if count < EXACT_FROM else "fft",
        n_jobs=threads,
        random_state=seed,
    )
    rounds = _Rounds(deadline, on_progress)
    for count, exaggeration, momentum in ((EARLY_ROUNDS, 12, 0.5), (ROUNDS, 1, 0.8)):
        embedding.optimize(
            n_iter=count,
            exaggeration=exaggeration,
            momentum=momentum,
            inplace=True,
            n_jobs=threads,
            callbacks=rounds,
            callbacks_every_iters=CALL_ROUNDS,
        )
    return np.asarray(embedding, dtype=np.float32), not rounds.is_late


class _Rounds:
    """Called by openTSNE every few rounds: reports progress, and ends the layout when its time is up."""

    def __init__(self, deadline: float, on_progress: OnProgress) -> None:
        self.is_late = False
        self._deadline, self._on_progress = deadline, on_progress
        self._done = 0

    def __call__(self, _round: int, _error: float, _points: npt.NDArray[np.float64]) -> bool:
        """Return whether the layout is to end."""
        self._done += CALL_ROUNDS
        self._on_progress(0.9 * self._done / (EARLY_ROUNDS + ROUNDS))
        self.is_late = time.monotonic() > self._deadline
        return self.is_late


def _begin(points_LD: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float64]:
    """Return the two directions of most variance, small, with a little noise that parts equal samples."""
    noise_L2 = np.random.default_rng(seed).normal(size=(len(points_LD), 2))
    centred = torch.from_numpy(points_LD) - torch.from_numpy(points_LD).mean(0)
    _, vectors_DD = torch.linalg.eigh(centred.T @ centred)
    begin_L2 = (centred @ vectors_DD[:, -2:]).double().numpy()
    if begin_L2.shape[1] < 2:  # noqa: PLR2004 - one feature has one direction
        begin_L2 = np.column_stack([begin_L2, np.zeros(len(begin_L2))])
    spread = float(begin_L2.std(0).max())
    return BEGIN_SPREAD * ((begin_L2 / spread if spread > 0 else 0) + 0.01 * noise_L2)


def _put_between(
    rows_BD: npt.NDArray[np.float32],
    landmarks_LD: npt.NDArray[np.float32],
    layout_L2: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Return the mean place of the nearest landmarks, the nearer the weightier."""
    distance_BL = torch.cdist(torch.from_numpy(rows_BD), torch.from_numpy(landmarks_LD))
    distance_Bk, nearest_Bk = distance_BL.topk(BETWEEN, dim=1, largest=False)
    weight_Bk = 1 / (distance_Bk + 1e-6)
    weight_Bk /= weight_Bk.sum(1, keepdim=True)
    places_Bk2 = torch.from_numpy(layout_L2)[nearest_Bk]
    placed: npt.NDArray[np.float32] = (weight_Bk[..., None] * places_Bk2).sum(1).numpy()
    return placed
