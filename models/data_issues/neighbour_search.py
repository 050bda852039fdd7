"""The search for the nearest samples of every sample: by a network's features, or by the inputs themselves.

Features are compared by the cosine of centred features, inputs by their Euclidean distance. Few samples are
compared in all pairs. Many samples are first assigned to cells around centres, and only neighbouring cells
are searched. Memory is bounded in both cases.
Shape suffixes: N samples, D features, k neighbours, Q queries, M candidates, C cells.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.data_issues.neighbours import NEIGHBOURS, Neighbours

EXACT_MAX = 10_000
"""Up to this many samples, all pairs are compared."""
CELLS_SEARCHED = 6
CANDIDATES_MAX = 20_000
"""Most candidates of a search; from more (thousands of copies) this many are drawn."""
BLOCK_SIMILARITIES = 8_000_000
CENTRE_ROUNDS = 4
SAMPLES_PER_CELL = 32
"""Samples per centre that k-means uses."""


def find_nearest(
    features_ND: npt.NDArray[np.float16],
    *,
    count: int = NEIGHBOURS,
    device: str = "cpu",
    seed: int = 0,
    on_block: Callable[[], None] = lambda: None,
) -> Neighbours:
    """Return the nearest samples of each sample, or all others if there are fewer than asked for.

    Args:
        features_ND: at least 2 rows.
        count: neighbours of each sample.
        device: the torch device that computes.
        seed: the seed of the first centres and of drawn candidates.
        on_block: called about every second; its exceptions stop the search and propagate.

    """
    index_Nk, closeness_Nk = _find_closest(
        _Points(_normalise(features_ND, torch.device(device)), has_length_1=True),
        count=count,
        seed=seed,
        on_block=on_block,
    )
    return Neighbours(index_Nk=index_Nk.numpy(), similarity_Nk=closeness_Nk.numpy())


def find_nearest_inputs(
    points_ND: npt.NDArray[np.float16],
    *,
    count: int,
    device: str = "cpu",
    seed: int = 0,
    on_block: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.int32]:
    """Return the nearest other samples of each by Euclidean distance [N, k], the nearest first.

    Args:
        points_ND: what is compared, at least 2 rows: `kinds.compared_kinds.ComparedKind.make_points`.
        count: k; all others if there are fewer.
        device: see `find_nearest`.
        seed: see `find_nearest`.
        on_block: see `find_nearest`.

    """
    points = torch.from_numpy(points_ND).to(torch.device(device)).float()
    points -= points.mean(0)
    found_Nk, _ = _find_closest(
        _Points(points, has_length_1=False), count=count, seed=seed, on_block=on_block
    )
    found: npt.NDArray[np.int32] = found_Nk.numpy()
    return found


class _Points:
    """Points, and how close they are: the order of the cosine for points of length 1, else of the distance.

    |q - m|^2 = |q|^2 + |m|^2 - 2 q m, so that q m - |m|^2 / 2 orders the candidates m of a query q.
    """

    def __init__(self, rows_ND: Tensor, *, has_length_1: bool) -> None:
        self.rows_ND = rows_ND
        self.has_length_1 = has_length_1
        self._half_squares_N = None if has_length_1 else rows_ND.square().sum(1) / 2

    def compare(self, query_Q: Tensor, candidate_M: Tensor) -> Tensor:
        """Return the closeness [Q, M] of points by their places."""
        closeness_QM = self.rows_ND[query_Q] @ self.rows_ND[candidate_M].T
        return (
            closeness_QM if self._half_squares_N is None else closeness_QM - self._half_squares_N[candidate_M]
        )

    def compare_centres(self, rows_QD: Tensor, centres_CD: Tensor) -> Tensor:
        """Return the closeness [Q, C] of rows to centres."""
        closeness_QC = rows_QD @ centres_CD.T
        return closeness_QC if self.has_length_1 else closeness_QC - centres_CD.square().sum(1) / 2

    def average(self, sums_CD: Tensor, counts_C1: Tensor) -> Tensor:
        """Return the centres of cells: means, of length 1 for points of length 1."""
        return functional.normalize(sums_CD, dim=1) if self.has_length_1 else sums_CD / counts_C1


def _find_closest(
    points: _Points, *, count: int, seed: int, on_block: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """Return the closest other points of each, and how close they are, both [N, k]."""
    total = len(points.rows_ND)
    count = min(count, total - 1)
    index_Nk, closeness_Nk = torch.empty((total, count), dtype=torch.int32), torch.empty((total, count))
    for query_Q, candidate_M in _plan_searches(points, count, seed):
        for block_Q in torch.split(query_Q, max(1, BLOCK_SIMILARITIES // len(candidate_M))):
            index, closeness = _search(points, block_Q, candidate_M, count)
            rows = block_Q.cpu()
            index_Nk[rows], closeness_Nk[rows] = index.int().cpu(), closeness.cpu()
            on_block()
    return index_Nk, closeness_Nk


def _normalise(features_ND: npt.NDArray[np.float16], device: torch.device) -> Tensor:
    """Return centred features of length 1."""
    points_ND = torch.from_numpy(features_ND).to(device).float()
    points_ND -= points_ND.mean(0)
    return functional.normalize(points_ND, dim=1, out=points_ND)


def _search(points: _Points, query_Q: Tensor, candidate_M: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return every query's closest candidates except itself, and their closeness, both [Q, count]."""
    closeness_QM = points.compare(query_Q, candidate_M)
    closeness, place = closeness_QM.topk(min(count + 1, len(candidate_M)), dim=1)
    index = candidate_M[place]
    closeness = closeness.masked_fill(index == query_Q[:, None], -torch.inf)
    closeness, order = closeness.sort(dim=1, descending=True, stable=True)
    return index.gather(1, order)[:, :count], closeness[:, :count]


def _plan_searches(points: _Points, count: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield queries and the candidates among which they are searched; every sample is a query once."""
    points_ND = points.rows_ND
    everything = torch.arange(len(points_ND), device=points_ND.device)
    if len(points_ND) <= EXACT_MAX:
        yield everything, everything
        return
    generator = torch.Generator().manual_seed(seed)
    centres_CD = _find_centres(points, generator)
    cell_N = _find_nearest_centre(points, points_ND, centres_CD)
    count_C = torch.bincount(cell_N, minlength=len(centres_CD))
    stretches = torch.split(cell_N.argsort(stable=True), count_C[count_C > 0].tolist())
    between_CC = points.compare_centres(centres_CD[count_C > 0], centres_CD[count_C > 0])
    between_CC.fill_diagonal_(torch.inf)  # a cell always searches itself, even if centres coincide
    surroundings = between_CC.topk(min(CELLS_SEARCHED, len(between_CC)), dim=1).indices.tolist()
    for query_Q, around in zip(stretches, surroundings, strict=True):
        candidate_M = torch.cat([stretches[cell] for cell in around])
        yield (
            query_Q,
            _draw_candidates(candidate_M if len(candidate_M) > count else everything, generator),
        )


def _draw_candidates(candidate_M: Tensor, generator: torch.Generator) -> Tensor:
    """Return at most `CANDIDATES_MAX` of the candidates."""
    if len(candidate_M) <= CANDIDATES_MAX:
        return candidate_M
    return candidate_M[torch.randperm(len(candidate_M), generator=generator)[:CANDIDATES_MAX]]


def _find_centres(points: _Points, generator: torch.Generator) -> Tensor:
    """Return twice the square root of N centres, by k-means."""
    points_ND = points.rows_ND
    count = 2 * math.isqrt(len(points_ND))
    drawn = torch.randperm(len(points_ND), generator=generator)[: SAMPLES_PER_CELL * count]
    sample_ND = points_ND[drawn.to(points_ND.device)]
    centres_CD = sample_ND[:count].clone()
    for _ in range(CENTRE_ROUNDS):
        cell = _find_nearest_centre(points, sample_ND, centres_CD)
        sums_CD = torch.zeros_like(centres_CD).index_add_(0, cell, sample_ND)
        counts_C1 = torch.bincount(cell, minlength=count)[:, None]
        sums_CD = torch.where(counts_C1 == 0, centres_CD, sums_CD)
        centres_CD = points.average(sums_CD, counts_C1.clamp_min(1))
    return centres_CD


def _find_nearest_centre(points: _Points, rows_ND: Tensor, centres_CD: Tensor) -> Tensor:
    rows = max(1, BLOCK_SIMILARITIES // len(centres_CD))
    return torch.cat(
        [points.compare_centres(block_QD, centres_CD).argmax(1) for block_QD in torch.split(rows_ND, rows)]
    )
