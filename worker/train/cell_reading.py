"""The cells of a dataset as a matrix for trees."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from models.table_views.cell_matrix import CODES_MAX, CellMatrix, code_by_frequency

Column = tuple[npt.NDArray[np.float32], bool]
"""Values [N], and whether they are codes."""
DAY_MICROSECONDS = 86_400_000_000
LARGEST = float(np.finfo(np.float32).max)


def read_cell_matrix(path: Path) -> CellMatrix:
    """Return the numbers and codes of a file of cells, one column after the other."""
    values: list[npt.NDArray[np.float32]] = []
    is_category: list[bool] = []
    source: list[int] = []
    with parquet.ParquetFile(path) as file:
        names = tuple(file.schema_arrow.names)
        for place, name in enumerate(names):
            for column, is_code in _make_columns(file.read(columns=[name]).column(name)):
                values.append(column)
                is_category.append(is_code)
                source.append(place)
    return CellMatrix(
        values_NC=np.stack(values, axis=1),
        is_category_C=np.array(is_category),
        source_C=np.array(source),
        names=names,
    )


def _make_columns(cells: pa.ChunkedArray) -> Iterator[Column]:
    if pa.types.is_string(cells.type):
        yield from _make_codes(cells)
    elif pa.types.is_timestamp(cells.type):
        yield from _make_date_parts(cells)
    else:
        yield _to_floats(cells), False


def _make_codes(cells: pa.ChunkedArray) -> Iterator[Column]:
    """Yield codes; of columns with more values than codes also how frequent each is."""
    encoded = cells.combine_chunks().dictionary_encode()
    size = len(encoded.dictionary)
    codes_N = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    yield code_by_frequency(codes_N, size=size), True
    if size > CODES_MAX:
        counts = np.append(np.bincount(codes_N[codes_N >= 0], minlength=size), 0)
        yield np.log1p(counts[codes_N]).astype(np.float32), False


def _make_date_parts(cells: pa.ChunkedArray) -> Iterator[Column]:
    days = _to_floats(pc.cast(cells, pa.int64()), divisor=DAY_MICROSECONDS)
    yield days, False
    for part in (pc.month, pc.day_of_week, pc.hour):
        values = _to_floats(part(cells))
        if np.nanmin(values, initial=np.inf) < np.nanmax(values, initial=-np.inf):
            yield values, False


def _to_floats(cells: pa.ChunkedArray, *, divisor: float = 1) -> npt.NDArray[np.float32]:
    values = pc.fill_null(cells.cast(pa.float64(), safe=False), float("nan")).to_numpy() / divisor
    floats_N: npt.NDArray[np.float32] = values.clip(-LARGEST, LARGEST).astype(np.float32)
    return floats_N
