"""Arrays of features, converted to float32 [N, D] while they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.array_checks import check_count, check_lengths, split_blocks
from worker.formats.shared.problems import IngestError
from worker.formats.shared.sample import Columns, FeatureBatch, Features

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion


def read_feature_array(
    format_name: str, array: NDArray[Any], names: Sequence[str] | None, columns: Columns, ingestion: Ingestion
) -> Features:
    """Read features [N, D] of any real dtype; without names they are x0, x1, ..."""
    check_lengths(array.shape[1], {"feature names": None if names is None else len(names)})
    check_count(len(array), ingestion)
    check_width(array.shape[1], ingestion)
    if array.dtype.kind not in "biuf":
        raise IngestError("bad_dtype", f"expected features as numbers; found dtype {array.dtype}")
    return Features(
        format=format_name,
        names=names or [f"x{column}" for column in range(array.shape[1])],
        batches=_split_batches(array, columns),
        total=len(array),
    )


def check_width(width: int, ingestion: Ingestion) -> None:
    """Refuse feature tables without columns or with more than allowed."""
    if not 1 <= width <= ingestion.limits.max_features:
        raise IngestError(
            "feature_count", f"expected 1 to {ingestion.limits.max_features} feature columns; found {width}"
        )


def _split_batches(array: NDArray[Any], columns: Columns) -> Iterator[FeatureBatch]:
    for start, stop in split_blocks(array):
        yield FeatureBatch(
            features=convert_to_float32(np.asarray(array[start:stop])),
            columns=Columns(
                given=columns.given[start:stop],
                true=None if columns.true is None else columns.true[start:stop],
                keys=None if columns.keys is None else columns.keys[start:stop],
                splits=None if columns.splits is None else columns.splits[start:stop],
            ),
        )


def convert_to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Convert numbers to float32; too large ones become infinite, and the pack writer leaves them out."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values.astype(np.float32))


class FeatureArrays:
    """See `ArrayReader`."""

    names: tuple[str, ...] = ()

    def accepts(self, array: NDArray[Any]) -> bool:
        """Return whether the array is [N, D]."""
        return array.ndim == 2  # noqa: PLR2004 - N, D

    def read(
        self,
        format_name: str,
        array: NDArray[Any],
        columns: Columns,
        ingestion: Ingestion,
        value_names: Callable[[], Sequence[str] | None],
    ) -> Features:
        """Return the array's rows."""
        return read_feature_array(format_name, array, value_names(), columns, ingestion)
