"""The content of samples as digests, and which samples of two datasets have the same content.

Shape suffix: N samples in order of position.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from app.infra.storage import PACK, Storage
from app.tables import Dataset
from models.catalogue.kinds import CELLS, TEXTS_FILE

DIGESTS = "digests.npy"
DIGEST_BYTES = 16
DIGEST = np.dtype(f"V{DIGEST_BYTES}")
SKETCH_SIZE = 256
"""Of two datasets that share half of all their samples, about 128 digests of the sketches are the same."""
BLOCK_ROWS = 4_096
SEPARATOR, NOTHING = "\x1f", "\x00"
Digests = npt.NDArray[np.void]
Places = npt.NDArray[np.int64]


def write_digests(folder: Path) -> Digests:
    """Write the digests of a pack's samples beside it, and return them.

    Of a table its cells count, and of texts the texts: their encoding depends on all rows.
    """
    stored = (folder / name for name in (CELLS, TEXTS_FILE))
    rows = next((file for file in stored if file.exists()), None)
    parts = _digest_cells(rows) if rows is not None else _digest_rows(np.load(folder / PACK, mmap_mode="r"))
    digests_N = np.frombuffer(b"".join(parts), DIGEST)
    np.save(folder / DIGESTS, digests_N)
    return digests_N


def _digest_rows(pack: npt.NDArray[Any]) -> Iterator[bytes]:
    kind = repr((pack.dtype.str, pack.shape[1:])).encode()
    for start in range(0, len(pack), BLOCK_ROWS):
        for row in np.ascontiguousarray(pack[start : start + BLOCK_ROWS]):
            yield blake2b(row.tobytes(), digest_size=DIGEST_BYTES, key=kind[:64]).digest()


def _digest_cells(path: Path) -> Iterator[bytes]:
    with parquet.ParquetFile(path) as file:
        names = SEPARATOR.join(file.schema_arrow.names).encode()
        for batch in file.iter_batches(BLOCK_ROWS):
            texts = [pc.fill_null(pc.cast(column, pa.string()), NOTHING) for column in batch.columns]
            for row in pc.binary_join_element_wise(*texts, SEPARATOR).to_pylist():
                yield blake2b(names + b"\n" + row.encode(), digest_size=DIGEST_BYTES).digest()


def make_sketch(digests_N: Digests) -> list[int]:
    """Return the smallest of the digests as integers, fewer where there are fewer contents."""
    values = np.unique(digests_N.view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64))
    smallest: list[int] = values[:SKETCH_SIZE].view(np.int64).tolist()
    return smallest


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """The samples of a dataset: what they show, their names and their given labels."""

    digests_N: Digests
    keys: Sequence[str]
    labels: Sequence[str]
    """Names of the given classes."""

    def __len__(self) -> int:
        return len(self.keys)


def read_contents(storage: Storage, dataset: Dataset) -> Contents | None:
    """Return the samples of a ready dataset; None: it was read by a version that made no digests."""
    try:
        digests_N = np.load(storage.fetch_pack_file(dataset, DIGESTS))
    except FileNotFoundError:
        return None
    given_N = np.load(storage.fetch_pack_file(dataset, "labels.npy"))
    table = parquet.read_table(storage.fetch_pack_file(dataset, "samples.parquet"), columns=["key"])
    names = np.array(dataset.class_names or [], dtype=object)
    return Contents(digests_N=digests_N, keys=table["key"].to_pylist(), labels=names[given_N].tolist())


def match_samples(ours: Contents, theirs: Contents) -> Places:
    """Return for each of our samples the position of theirs with the same content [N]; -1: there is none.

    Each of theirs is matched once. Among several of the same content the one of the same key comes first,
    then one with the same label, then any, in order: so no more labels count as changed than must be.
    """
    our_digests, their_digests = ours.digests_N.tolist(), theirs.digests_N.tolist()
    matched_N = np.full(len(ours), -1, np.int64)
    free = np.ones(len(theirs), np.bool_)
    for mine, other in ((ours.keys, theirs.keys), (ours.labels, theirs.labels), (None, None)):
        places = defaultdict(list)
        for place in np.flatnonzero(free)[::-1].tolist():
            places[their_digests[place], None if other is None else other[place]].append(place)
        for place in np.flatnonzero(matched_N < 0).tolist():
            found = places.get((our_digests[place], None if mine is None else mine[place]))
            if found:
                matched_N[place] = found.pop()
                free[matched_N[place]] = False
    return matched_N


def count_shared(ours: Digests, theirs: Digests) -> int:
    """Return how many of our samples have a partner of the same content, each of theirs at most once."""
    return (Counter(ours.tolist()) & Counter(theirs.tolist())).total()
