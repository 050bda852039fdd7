"""Samples that stand in the data more than once: copies, and those that hardly differ.

Near duplicates are sought among the nearest neighbours by a network's features and confirmed by what is
stored: a network finds all roses alike, but their pixels are not. How alike two samples are is a matter of
their kind (`models.kinds.compared_kinds`). Shape suffixes: N samples, k neighbours, P pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.data_issues.fingerprints import Fingerprints, Thumbnails
from models.data_issues.neighbours import Neighbours
from models.kinds.compared_kinds import find_compared_kind
from models.kinds.sample_arrays import Inputs

UNUSUAL = 0.1
"""They lack at most this share of what the middle pair of neighbours lacks: strokes of a pen are alike."""
THUMBNAILS_LIKE = 0.9
"""Correlation of thumbnails below which the pixels need not be compared."""
USUAL_PAIRS = 20_000
"""Pairs by which the middle one is found."""
COMPARED_MAX = 2_000_000
"""Pairs of pictures whose pixels are compared; of more, those with the most similar thumbnails."""
PAIR_BLOCK = 500
CACHED_BYTES = 2**18
"""Of both samples as floats: pairs are compared while they are in the processor's own cache."""

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Samples in groups of two or more; both lists are of one length, in order of group, then position."""

    group: Index
    """Number of the sample's group: 0, 1, ... in order of its first position."""
    position: Index
    likeness: Floats
    """To the most similar other sample of the group that it was compared with; 1 for copies."""


def exact(found: Fingerprints) -> Groups:
    """Return the groups of samples with the very same pixels or features."""
    sizes_N = np.bincount(found.copy_of_N, minlength=len(found.copy_of_N))
    position = np.flatnonzero(sizes_N[found.copy_of_N] > 1)
    return _ordered(found.copy_of_N[position], position, np.ones(len(position), dtype=np.float32))


def near(inputs: Inputs, found: Fingerprints, neighbours: Neighbours) -> Groups:
    """Return the groups of samples that hardly differ; copies stand with whatever they are copies of."""
    first_P, second_P = _candidates(found, neighbours)
    thumbnail_P = np.ones(len(first_P), dtype=np.float32)
    if found.thumbnails_NT is not None:
        thumbnail_P = _compare_thumbnails(inputs, found.thumbnails_NT, first_P, second_P)
    is_alike_P = thumbnail_P >= THUMBNAILS_LIKE
    compared = np.flatnonzero(is_alike_P)
    if found.thumbnails_NT is not None and len(compared) > COMPARED_MAX:
        compared = compared[np.argpartition(-thumbnail_P[compared], COMPARED_MAX)[:COMPARED_MAX]]
    likeness = _compare(inputs, first_P[compared], second_P[compared])
    usual = _usual(inputs, first_P, second_P, is_alike_P)
    least = find_compared_kind(inputs).find_least_likeness(inputs)
    is_near = likeness >= max(least, 1 - UNUSUAL * (1 - usual))
    kept = compared[is_near]
    return _linked(found.copy_of_N, first_P[kept], second_P[kept], likeness[is_near])


def together(copies: Groups, near: Groups) -> Groups:
    """Return the near groups, which hold their copies, and the groups of copies beside them."""
    is_beside = ~np.isin(copies.position, near.position)
    return _ordered(
        np.concatenate([near.group, copies.group[is_beside] + near.group.max(initial=-1) + 1]),
        np.concatenate([near.position, copies.position[is_beside]]),
        np.concatenate([near.likeness, copies.likeness[is_beside]]),
    )


def differing(groups: Groups, value: Index) -> tuple[Index, Index]:
    """Return the members of groups whose members differ in a value, and the first that differs from each.

    Both are places in the lists of `groups`, as is `value`.
    """
    _, start, group = np.unique(groups.group, return_index=True, return_inverse=True)
    differs = value != value[start][group]
    first_other = np.full(len(start), -1)
    varied, place = np.unique(group[differs], return_index=True)
    first_other[varied] = np.flatnonzero(differs)[place]
    partner = np.where(differs, start[group], first_other[group])
    kept = np.flatnonzero(first_other[group] >= 0)
    return kept, partner[kept]


def _candidates(found: Fingerprints, neighbours: Neighbours) -> tuple[Index, Index]:
    """Return each pair of neighbours once, of copies the first alone, and of blank pictures none."""
    count = len(found.copy_of_N)
    one = found.copy_of_N[:, None]
    other = found.copy_of_N[neighbours.index_Nk]
    pairs = np.minimum(one, other) * count + np.maximum(one, other)
    is_wanted = (one != other) & ~found.is_blank_N[one] & ~found.is_blank_N[other]
    sorted_P = np.sort(pairs[is_wanted])  # numpy's unique hashes them, which takes ten times as long
    is_first_P = np.diff(sorted_P, prepend=-1) != 0
    return np.divmod(sorted_P[is_first_P], count)


def _compare_thumbnails(inputs: Inputs, thumbnails_NT: Thumbnails, first_P: Index, second_P: Index) -> Floats:
    """Return the likeness of each pair's thumbnails."""
    compare = find_compared_kind(inputs).compare_thumbnails
    likeness_P = np.empty(len(first_P), dtype=np.float32)
    for block in _blocks(len(first_P), PAIR_BLOCK):
        one = thumbnails_NT[first_P[block]].astype(np.float32)
        other = thumbnails_NT[second_P[block]].astype(np.float32)
        likeness_P[block] = compare(one, other)
    return likeness_P


def _usual(inputs: Inputs, first_P: Index, second_P: Index, is_alike_P: npt.NDArray[np.bool_]) -> float:
    """Return the likeness of the middle pair, by a part of them; pairs that are not alike count as 0."""
    part = np.arange(len(first_P))[:: len(first_P) // USUAL_PAIRS + 1]
    likeness = np.zeros(len(part), dtype=np.float32)
    alike = np.flatnonzero(is_alike_P[part])
    likeness[alike] = _compare(inputs, first_P[part][alike], second_P[part][alike])
    return float(np.median(likeness)) if len(likeness) else 0.0


def _compare(inputs: Inputs, first_P: Index, second_P: Index) -> Floats:
    """Return the likeness of every pair, as the kind of the samples defines it."""
    compare = find_compared_kind(inputs).make_comparison(inputs)
    likeness_P = np.empty(len(first_P), dtype=np.float32)
    for block in _blocks(len(first_P), max(1, CACHED_BYTES // (8 * inputs[:1].nbytes))):
        likeness_P[block] = compare(inputs[first_P[block]], inputs[second_P[block]])
    return likeness_P


def _linked(copy_of_N: Index, first_P: Index, second_P: Index, likeness_P: Floats) -> Groups:
    """Return the groups that pairs of like samples hang together in."""
    count = len(copy_of_N)
    best_N = np.zeros(count, dtype=np.float32)
    for end_P in (first_P, second_P):
        np.maximum.at(best_N, end_P, likeness_P)
    graph = coo_array((np.ones(len(first_P)), (first_P, second_P)), shape=(count, count))
    _, component_N = connected_components(graph, directed=False)
    position = np.flatnonzero(best_N[copy_of_N] > 0)
    sources = copy_of_N[position]
    return _ordered(component_N[sources].astype(np.int64), position, best_N[sources])


def _ordered(name: Index, position: Index, likeness: Floats) -> Groups:
    """Return groups numbered by their first position."""
    _, group = np.unique(name, return_inverse=True)
    first = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, group, position)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    order = np.lexsort((position, number[group]))
    return Groups(group=number[group][order], position=position[order], likeness=likeness[order])


def _blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
