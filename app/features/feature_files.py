"""The files of a feature set: one .npy a shard, float16 [n, D], named by the SHA-256 of its content."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from app.tables import FeatureSet, FeatureShard

STORED = np.dtype(np.float16)
"""Half of float32, and no worse: docs/photographs.md has what it changes in a ranking."""
LARGEST = float(np.finfo(STORED).max)
BLOCK_ROWS = 16_384
Rows = npt.NDArray[np.float16]


def locate_shard(storage: Storage, dataset_id: UUID, sha256: str) -> Path:
    """Return the path of a shard's file."""
    return storage.locate_features(dataset_id) / f"{sha256}.npy"


class FeatureRows:
    """The features of all samples of a set, memory-mapped from the files of its shards."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        """Put the parts together in order of position."""
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), int(parts[0].shape[1]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Sequence[int]) -> Rows:
        """Return the features of some samples, in the given order."""
        wanted = np.asarray(positions, dtype=np.int64)
        rows = np.empty((len(wanted), self.shape[1]), dtype=STORED)
        for part, (start, stop) in zip(self._parts, pairwise(self._starts.tolist()), strict=True):
            inside = np.flatnonzero((wanted >= start) & (wanted < stop))
            rows[inside] = part[wanted[inside] - start]
        return rows

    def blocks(self) -> Iterator[Rows]:
        """Yield all rows in order, some thousands at a time."""
        for part in self._parts:
            for start in range(0, len(part), BLOCK_ROWS):
                yield part[start : start + BLOCK_ROWS]


def open_rows(storage: Storage, found: FeatureSet, shards: Sequence[FeatureShard]) -> FeatureRows:
    """Open a set that is ready; `shards` are all of its shards in order.

    Raises:
        FileNotFoundError: a file of a shard is gone.

    """
    parts = []
    for shard in shards:
        sha256 = shard.sha256 or ""
        path = storage.fetch_cached(locate_shard(storage, found.dataset_id, sha256), name=sha256)
        parts.append(np.load(path, mmap_mode="r"))
    return FeatureRows(parts)
