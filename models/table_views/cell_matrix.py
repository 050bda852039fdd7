"""The cells of a table as trees take them.

Array names: N samples, C columns.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CODES_MAX = 254
"""Most codes of a category: scikit-learn's histograms have 255 bins, and rare values share one."""


@dataclass(frozen=True, kw_only=True)
class CellMatrix:
    """Numbers and codes, NaN where blank."""

    values_NC: npt.NDArray[np.float32]
    is_category_C: npt.NDArray[np.bool_]
    """Columns of codes 0, 1, ...: no code is more than another."""
    source_C: npt.NDArray[np.intp]
    """The place of the table's column that each was made from: a date is several columns."""
    names: tuple[str, ...]
    """Of the table's columns."""


def code_by_frequency(codes_N: npt.NDArray[np.integer[Any]], *, size: int) -> npt.NDArray[np.float32]:
    """Return codes by frequency, 0 the most frequent one [N]; the rarest ones share a code, -1 becomes NaN.

    Args:
        codes_N: in -1 .. size - 1; -1: blank.
        size: number of values.

    """
    counts = np.bincount(codes_N[codes_N >= 0], minlength=size)
    rank = np.empty(size + 1, dtype=np.float32)
    rank[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(size), CODES_MAX - 1)
    rank[size] = np.nan
    found_N: npt.NDArray[np.float32] = rank[codes_N]
    return found_N
