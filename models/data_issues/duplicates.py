"""Duplicates: exact copies, and near duplicates, which hardly differ.

Near duplicates are searched among the nearest neighbours by a network's features, and confirmed by the stored
samples: to a network all roses are alike, but their pixels differ. The kind of the samples defines their
likeness (`models.kinds.compared_kinds`). Shape suffixes: N samples, k neighbours, P pairs.
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
"""1 - likeness of near duplicates is at most this share of 1 - the median likeness of neighbours: in data
such as pen strokes all neighbours are alike."""
THUMBNAILS_LIKE = 0.9
"""Pixels are compared only if the thumbnails' correlation is at least this."""
USUAL_PAIRS = 20_000
"""Number of pairs from which the median likeness is estimated."""
COMPARED_MAX = 2_000_000
"""Most pairs of pictures whose pixels are compared: those with the most similar thumbnails."""
PAIR_BLOCK = 500
CACHED_BYTES = 2**18
"""Bytes of a block of pairs as floats: it is compared while it fits in the processor's cache."""

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Samples in groups of two or more; the arrays have one length, ordered by group, then position."""

    group: Index
    """Number of the sample's group: 0, 1, ... in order of the groups' first positions."""
    position: Index
    likeness: Floats
    """Likeness to the most similar compared sample of the group; 1 for copies."""


def find_exact_duplicates(fingerprints: Fingerprints) -> Groups:
    """Return the groups of samples with identical pixels or features."""
    copy_of_N = fingerprints.copy_of_N
    sizes_N = np.bincount(copy_of_N, minlength=len(copy_of_N))
    position = np.flatnonzero(sizes_N[copy_of_N] > 1)
    return _order_groups(copy_of_N[position], position, np.ones(len(position), dtype=np.float32))


def find_near_duplicates(inputs: Inputs, fingerprints: Fingerprints, neighbours: Neighbours) -> Groups:
    """Return the groups of samples that hardly differ; a copy is in the group of its original."""
    first_P, second_P = _list_candidates(fingerprints, neighbours)
    thumbnail_P = np.ones(len(first_P), dtype=np.float32)
    if fingerprints.thumbnails_NT is not None:
        thumbnail_P = _compare_thumbnails(inputs, fingerprints.thumbnails_NT, first_P, second_P)
    is_alike_P = thumbnail_P >= THUMBNAILS_LIKE
    compared = np.flatnonzero(is_alike_P)
    if fingerprints.thumbnails_NT is not None and len(compared) > COMPARED_MAX:
        compared = compared[np.argpartition(-thumbnail_P[compared], COMPARED_MAX)[:COMPARED_MAX]]
    likeness = _compare(inputs, first_P[compared], second_P[compared])
    usual = _measure_usual_likeness(inputs, first_P, second_P, is_alike_P)
    least = find_compared_kind(inputs).find_least_likeness(inputs)
    is_near = likeness >= max(least, 1 - UNUSUAL * (1 - usual))
    kept = compared[is_near]
    return _link_pairs(fingerprints.copy_of_N, first_P[kept], second_P[kept], likeness[is_near])


def merge_groups(copies: Groups, near: Groups) -> Groups:
    """Return the groups of near duplicates, which include copies, and the other groups of copies."""
    is_other = ~np.isin(copies.position, near.position)
    return _order_groups(
        np.concatenate([near.group, copies.group[is_other] + near.group.max(initial=-1) + 1]),
        np.concatenate([near.position, copies.position[is_other]]),
        np.concatenate([near.likeness, copies.likeness[is_other]]),
    )


def find_differing(groups: Groups, value: Index) -> tuple[Index, Index]:
    """Return the members of all groups with differing values, and for each the first member that differs.

    Both are indices into the arrays of `groups`; `value` has one entry per member.
    """
    _, start, group = np.unique(groups.group, return_index=True, return_inverse=True)
    differs = value != value[start][group]
    first_other = np.full(len(start), -1)
    varied, place = np.unique(group[differs], return_index=True)
    first_other[varied] = np.flatnonzero(differs)[place]
    partner = np.where(differs, start[group], first_other[group])
    kept = np.flatnonzero(first_other[group] >= 0)
    return kept, partner[kept]


def _list_candidates(fingerprints: Fingerprints, neighbours: Neighbours) -> tuple[Index, Index]:
    """Return each pair of neighbours once, with originals for copies and without blank pictures."""
    copy_of_N, is_blank_N = fingerprints.copy_of_N, fingerprints.is_blank_N
    count = len(copy_of_N)
    one = copy_of_N[:, None]
    other = copy_of_N[neighbours.index_Nk]
    pairs = np.minimum(one, other) * count + np.maximum(one, other)
    is_candidate = (one != other) & ~is_blank_N[one] & ~is_blank_N[other]
    sorted_P = np.sort(pairs[is_candidate])  # numpy's unique hashes them, which takes ten times as long
    is_first_P = np.diff(sorted_P, prepend=-1) != 0
    return np.divmod(sorted_P[is_first_P], count)


def _compare_thumbnails(inputs: Inputs, thumbnails_NT: Thumbnails, first_P: Index, second_P: Index) -> Floats:
    """Return the likeness of each pair's thumbnails."""
    compare = find_compared_kind(inputs).compare_thumbnails
    likeness_P = np.empty(len(first_P), dtype=np.float32)
    for block in _split_blocks(len(first_P), PAIR_BLOCK):
        one = thumbnails_NT[first_P[block]].astype(np.float32)
        other = thumbnails_NT[second_P[block]].astype(np.float32)
        likeness_P[block] = compare(one, other)
    return likeness_P


def _measure_usual_likeness(
    inputs: Inputs, first_P: Index, second_P: Index, is_alike_P: npt.NDArray[np.bool_]
) -> float:
    """Return the median likeness, estimated from a part of the pairs; pairs that are not alike count as 0."""
    part = np.arange(len(first_P))[:: len(first_P) // USUAL_PAIRS + 1]
    likeness = np.zeros(len(part), dtype=np.float32)
    alike = np.flatnonzero(is_alike_P[part])
    likeness[alike] = _compare(inputs, first_P[part][alike], second_P[part][alike])
    return float(np.median(likeness)) if len(likeness) else 0.0


def _compare(inputs: Inputs, first_P: Index, second_P: Index) -> Floats:
    """Return the likeness of every pair, by the definition of the samples' kind."""
    compare = find_compared_kind(inputs).make_comparison(inputs)
    likeness_P = np.empty(len(first_P), dtype=np.float32)
    for block in _split_blocks(len(first_P), max(1, CACHED_BYTES // (8 * inputs[:1].nbytes))):
        likeness_P[block] = compare(inputs[first_P[block]], inputs[second_P[block]])
    return likeness_P


def _link_pairs(copy_of_N: Index, first_P: Index, second_P: Index, likeness_P: Floats) -> Groups:
    """Return the connected components of pairs of like samples, with the copies of their members."""
    count = len(copy_of_N)
    best_N = np.zeros(count, dtype=np.float32)
    for end_P in (first_P, second_P):
        np.maximum.at(best_N, end_P, likeness_P)
    graph = coo_array((np.ones(len(first_P)), (first_P, second_P)), shape=(count, count))
    _, component_N = connected_components(graph, directed=False)
    position = np.flatnonzero(best_N[copy_of_N] > 0)
    sources = copy_of_N[position]
    return _order_groups(component_N[sources].astype(np.int64), position, best_N[sources])


def _order_groups(label: Index, position: Index, likeness: Floats) -> Groups:
    """Return the groups of equal labels, numbered in order of their first positions."""
    _, group = np.unique(label, return_inverse=True)
    first = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, group, position)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    order = np.lexsort((position, number[group]))
    return Groups(group=number[group][order], position=position[order], likeness=likeness[order])


def _split_blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
