"""Checks of arrays of samples of any kind, and their rows in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.problems import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

_BLOCK_BYTES = 4 << 20


def check_count(count: int, ingestion: Ingestion) -> None:
    """Refuse uploads with more samples than allowed."""
    if count > ingestion.limits.max_members:
        raise IngestError(
            "too_many_samples", f"expected at most {ingestion.limits.max_members} samples; found {count}"
        )


def check_lengths(count: int, lengths: dict[str, int | None]) -> None:
    """Refuse columns whose length is not the number of samples."""
    for name, length in lengths.items():
        if length is not None and length != count:
            raise IngestError(
                "length_mismatch", f"expected {count} {name}, one for each sample; found {length}"
            )


def split_blocks(array: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Yield start and stop of row blocks of about 4 MiB."""
    row_bytes = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    step = max(1, _BLOCK_BYTES // row_bytes)
    return ((start, min(start + step, len(array))) for start in range(0, len(array), step))
