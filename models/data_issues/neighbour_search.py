"""The search for the nearest samples of every sample, by a network's features.

Similarity is the cosine of centred features. Few samples are compared in all pairs. Many samples are first
assigned to cells around centres, and only neighbouring cells are searched. Memory is bounded in both cases.
Shape suffixes: N samples, D features, k neighbours, Q queries, M candidates, C cells.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.data_issues.neighbours import Neighbours

NEIGHBOURS = 10
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
    device: str = "cpu",
    seed: int = 0,
    on_block: Callable[[], None] = lambda: None,
) -> Neighbours:
    """Return the `NEIGHBOURS` nearest samples of each sample, or all others if there are fewer.

    Args:
        features_ND: at least 2 rows.
        device: the torch device that computes.
        seed: the seed of the first centres and of drawn candidates.
        on_block: called about every second; its exceptions stop the search and propagate.

    """
    points_ND = _normalise(features_ND, torch.device(device))
    count = min(NEIGHBOURS, len(points_ND) - 1)
    index_Nk = torch.empty((len(points_ND), count), dtype=torch.int32)
    similarity_Nk = torch.empty((len(points_ND), count))
    for query_Q, candidate_M in _plan_searches(points_ND, seed):
        for block_Q in torch.split(query_Q, max(1, BLOCK_SIMILARITIES // len(candidate_M))):
            index, similarity = _search(points_ND, block_Q, candidate_M, count)
            rows = block_Q.cpu()
            index_Nk[rows], similarity_Nk[rows] = index.int().cpu(), similarity.cpu()
            on_block()
    return Neighbours(index_Nk=index_Nk.numpy(), similarity_Nk=similarity_Nk.numpy())


def _normalise(features_ND: npt.NDArray[np.float16], device: torch.device) -> Tensor:
    """Return centred features of length 1."""
    points_ND = torch.from_numpy(features_ND).to(device).float()
    points_ND -= points_ND.mean(0)
    return functional.normalize(points_ND, dim=1, out=points_ND)


def _search(points_ND: Tensor, query_Q: Tensor, candidate_M: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return every query's nearest candidates except itself, and their similarities, both [Q, count]."""
    similarity_QM = points_ND[query_Q] @ points_ND[candidate_M].T
    similarity, place = similarity_QM.topk(min(count + 1, len(candidate_M)), dim=1)
    index = candidate_M[place]
    similarity = similarity.masked_fill(index == query_Q[:, None], -2.0)  # below every cosine
    similarity, order = similarity.sort(dim=1, descending=True, stable=True)
    return index.gather(1, order)[:, :count], similarity[:, :count]


def _plan_searches(points_ND: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield queries and the candidates among which they are searched; every sample is a query once."""
    everything = torch.arange(len(points_ND), device=points_ND.device)
    if len(points_ND) <= EXACT_MAX:
        yield everything, everything
        return
    generator = torch.Generator().manual_seed(seed)
    centres_CD = _find_centres(points_ND, generator)
    cell_N = _find_nearest_centre(points_ND, centres_CD)
    count_C = torch.bincount(cell_N, minlength=len(centres_CD))
    stretches = torch.split(cell_N.argsort(stable=True), count_C[count_C > 0].tolist())
    between_CC = centres_CD[count_C > 0] @ centres_CD[count_C > 0].T
    between_CC.fill_diagonal_(torch.inf)  # a cell always searches itself, even if centres coincide
    surroundings = between_CC.topk(min(CELLS_SEARCHED, len(between_CC)), dim=1).indices.tolist()
    for query_Q, around in zip(stretches, surroundings, strict=True):
        candidate_M = torch.cat([stretches[cell] for cell in around])
        yield (
            query_Q,
            _draw_candidates(candidate_M if len(candidate_M) > NEIGHBOURS else everything, generator),
        )


def _draw_candidates(candidate_M: Tensor, generator: torch.Generator) -> Tensor:
    """Return at most `CANDIDATES_MAX` of the candidates."""
    if len(candidate_M) <= CANDIDATES_MAX:
        return candidate_M
    return candidate_M[torch.randperm(len(candidate_M), generator=generator)[:CANDIDATES_MAX]]


def _find_centres(points_ND: Tensor, generator: torch.Generator) -> Tensor:
    """Return twice the square root of N centres, by k-means."""
    count = 2 * math.isqrt(len(points_ND))
    drawn = torch.randperm(len(points_ND), generator=generator)[: SAMPLES_PER_CELL * count]
    sample_ND = points_ND[drawn.to(points_ND.device)]
    centres_CD = sample_ND[:count].clone()
    for _ in range(CENTRE_ROUNDS):
        cell = _find_nearest_centre(sample_ND, centres_CD)
        sums_CD = torch.zeros_like(centres_CD).index_add_(0, cell, sample_ND)
        is_empty_C1 = (torch.bincount(cell, minlength=count) == 0)[:, None]
        centres_CD = functional.normalize(torch.where(is_empty_C1, centres_CD, sums_CD), dim=1)
    return centres_CD


def _find_nearest_centre(points_ND: Tensor, centres_CD: Tensor) -> Tensor:
    rows = max(1, BLOCK_SIMILARITIES // len(centres_CD))
    return torch.cat([(block_QD @ centres_CD.T).argmax(1) for block_QD in torch.split(points_ND, rows)])
