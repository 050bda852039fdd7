"""One pass over all stored samples that finds copies and blank samples, and makes thumbnails.

Shape suffixes: N samples, B of a block, R bytes of a row, T values of a thumbnail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.kinds.compared_kinds import find_compared_kind
from models.kinds.sample_arrays import Inputs

BLOCK_BYTES = 2**20
MIXER = np.uint64(0x9E3779B97F4A7C15)
MIXER_SHIFT = np.uint64(29)

Index = npt.NDArray[np.int64]
Thumbnails = npt.NDArray[np.float16]


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """The fingerprints of all samples."""

    copy_of_N: Index
    """The first position with identical content; the sample's own position if no earlier one has it."""
    is_blank_N: npt.NDArray[np.bool_]
    """Whether a sample is blank, by its kind's rule."""
    thumbnails_NT: Thumbnails | None
    """Small vectors of length 1 (0 for blank samples); None for kinds without thumbnails."""


def take_fingerprints(inputs: Inputs) -> Fingerprints:
    """Read every sample once, block by block; `inputs` can be memory-mapped."""
    kind, count = find_compared_kind(inputs), len(inputs)
    hash_N = np.empty(count, dtype=np.uint64)
    is_blank_N = np.zeros(count, dtype=np.bool_)
    thumbnails_NT = np.empty((count, kind.thumbnail_size), dtype=np.float16) if kind.thumbnail_size else None
    for block in split_blocks(inputs):
        rows = np.array(inputs[block])
        hash_N[block] = _hash_rows(rows.reshape(len(rows), -1))
        is_blank_N[block] = kind.find_blanks(rows)
        if thumbnails_NT is not None:
            thumbnails_NT[block] = kind.make_thumbnails(rows)
    return Fingerprints(
        copy_of_N=_find_copies(inputs, hash_N), is_blank_N=is_blank_N, thumbnails_NT=thumbnails_NT
    )


def split_blocks(inputs: Inputs) -> Iterator[slice]:
    """Yield slices of about `BLOCK_BYTES` of rows each."""
    row_bytes = inputs[:1].nbytes
    rows = max(1, BLOCK_BYTES // max(row_bytes, 1))
    for start in range(0, len(inputs), rows):
        yield slice(start, min(start + rows, len(inputs)))


def _hash_rows(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return a hash of each row's bytes [B]; different rows rarely have the same hash."""
    bytes_BR = rows.view(np.uint8)
    missing = -bytes_BR.shape[1] % 8
    words_BW = np.pad(bytes_BR, ((0, 0), (0, missing))).view(np.uint64)
    keys_W = np.random.default_rng(0).integers(0, 2**64, words_BW.shape[1], dtype=np.uint64)
    mixed_BW = (words_BW ^ keys_W) * MIXER
    mixed_BW ^= mixed_BW >> MIXER_SHIFT
    hash_B: npt.NDArray[np.uint64] = (mixed_BW * (keys_W | np.uint64(1))).sum(axis=1, dtype=np.uint64)
    return hash_B


def _find_copies(inputs: Inputs, hash_N: npt.NDArray[np.uint64]) -> Index:
    """Return the first position with the same content; contents with equal hashes are compared in full."""
    _, first, group_N = np.unique(hash_N, return_index=True, return_inverse=True)
    copy_of_N = first[group_N].astype(np.int64)
    later = np.flatnonzero(copy_of_N != np.arange(len(copy_of_N)))
    rows = max(1, BLOCK_BYTES // max(inputs[:1].nbytes, 1))
    for start in range(0, len(later), rows):
        part = later[start : start + rows]
        same = inputs[part] == inputs[copy_of_N[part]]
        differing = part[~same.reshape(len(part), -1).all(axis=1)]
        copy_of_N[differing] = differing
    return copy_of_N
