"""The kinds of data that can be read from one array of samples, such as an array of an npz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from worker.kinds.feature_arrays import FeatureArrays
from worker.kinds.image_arrays import ImageArrays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Columns, Ingestion, Source


class ArrayReader(Protocol):
    """Reads samples of one kind from an array."""

    names: tuple[str, ...]
    """Lower-case names of npz arrays that hold only this kind."""

    def accepts(self, array: NDArray[Any]) -> bool:
        """Return whether an array with another name is of this kind."""
        ...

    def read(
        self,
        format_name: str,
        array: NDArray[Any],
        columns: Columns,
        ingestion: Ingestion,
        value_names: Callable[[], Sequence[str] | None],
    ) -> Source:
        """Return the samples; `value_names` reads the names of an array's columns, if it has any."""
        ...


ARRAY_READERS: tuple[ArrayReader, ...] = (
    FeatureArrays(),
    ImageArrays(),
)
"""The first that accepts an array reads it; the last accepts all, and refuses those that are not pictures."""


def find_array_reader(name: str, array: NDArray[Any]) -> ArrayReader:
    """Return the reader of an array: by its name, else by its shape."""
    by_name = (reader for reader in ARRAY_READERS if name.strip().lower() in reader.names)
    by_shape = (reader for reader in ARRAY_READERS if reader.accepts(array))
    return next(by_name, None) or next(by_shape)
