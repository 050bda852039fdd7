"""The texts of a range of samples, as they are stored beside the pack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from pyarrow import parquet

from worker.features.encoded_before import digest_input
from worker.features.shard_samples import Loaded

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class OriginalTexts:
    """See `ShardSamples`."""

    start: int
    samples: pa.Table
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def load(self, first: int, last: int, known: Container[bytes] = frozenset()) -> Iterator[Loaded]:
        """Yield the texts of the rows first to last - 1."""
        for text in self.texts[first:last]:
            digest = digest_input(text.encode())
            yield Loaded(digest=digest, sample=None if digest in known else text)

    def take(self, first: int, last: int) -> Self:
        """Return the rows first to last - 1 alone."""
        return replace(
            self,
            start=self.start + first,
            samples=self.samples.slice(first, last - first),
            texts=self.texts[first:last],
        )


def read_texts(path: Path, start: int, stop: int) -> list[str]:
    """Return the texts of the positions start to stop - 1; only their groups of rows are read."""
    texts: list[str] = []
    before = 0
    with parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            after = before + file.metadata.row_group(group).num_rows
            if before < stop and start < after:
                read = file.read_row_group(group, columns=["text"])["text"].to_pylist()
                texts += read[max(start - before, 0) : stop - before]
            before = after
    return texts
