"""Writing of tables: rows of cells beside the pack, and encoded rows as the pack itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.catalogue.kinds import CELLS, TABLES
from worker.formats.packs.npy import NpyWriter
from worker.formats.packs.written_pack import WrittenPack, check_pack_bytes, find_labelled_rows, join_parts
from worker.formats.shared.array_checks import check_count
from worker.formats.shared.problems import make_printable
from worker.kinds.feature_arrays import check_width
from worker.kinds.feature_packs import NAMES_SHOWN, stack_columns
from worker.kinds.table_encoding import encode_cells, plan_encoding

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.packs.written_pack import Report
    from worker.formats.shared.sample import Columns, Ingestion, Table, TableBatch

GROUP_ROWS = 4_096
"""Rows that are read to show one: milliseconds."""


def write_table(source: Table, ingestion: Ingestion, path: Path, report: Report) -> WrittenPack:
    """Write the labelled rows of a table: encoded to the pack file, and their cells to a file beside it."""
    plan = plan_encoding(source.described)
    check_width(len(plan), ingestion)
    kept: list[NDArray[np.int64]] = []
    columns: list[Columns] = []
    done = 0
    with NpyWriter(path, (len(plan),), TABLES.dtype) as pack, _CellWriter(path.with_name(CELLS)) as cells:
        for batch in source.batches:
            rows = np.arange(done, done + batch.cells.num_rows)
            done += len(rows)
            check_count(done, ingestion)
            check_pack_bytes(done * len(plan) * 8, ingestion)
            usable = _find_usable_rows(batch, source.row_numbers(rows), ingestion)
            usable_cells = batch.cells.filter(pa.array(usable))
            pack.append(encode_cells(usable_cells, plan))
            cells.append(usable_cells)
            kept.append(rows[usable])
            columns.append(batch.columns)
            report(done, source.total)
    kept_rows = join_parts(kept, np.int64)
    names = [make_printable(column.name) for column in source.described]
    return WrittenPack(
        kind=TABLES,
        shape=(len(plan),),
        rows=kept_rows,
        row_numbers=source.row_numbers(kept_rows),
        columns=stack_columns(columns),
        statistics={
            "feature_count": len(names),
            "feature_names": names[:NAMES_SHOWN],
            "encoded_names": [make_printable(value.name) for value in plan[:NAMES_SHOWN]],
        },
    )


class _CellWriter:
    """Appends blocks of cells to a Parquet file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def append(self, cells: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, cells.schema, compression="zstd")
        if cells.num_rows:
            self._writer.write_batch(cells, row_group_size=GROUP_ROWS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _find_usable_rows(
    batch: TableBatch, numbers: NDArray[np.int64], ingestion: Ingestion
) -> NDArray[np.bool_]:
    """Return which rows have a label, a cell that is not blank and no infinite number; others are logged."""
    keys = batch.columns.keys

    def log(row: int, code: str, detail: str) -> None:
        ingestion.problems.add(str(numbers[row]) if keys is None else keys[row], code, detail)

    infinite = np.zeros(batch.cells.num_rows, dtype=np.bool_)
    for name, column in zip(batch.cells.schema.names, batch.cells.columns, strict=True):
        if pa.types.is_floating(column.type):
            found = pc.fill_null(pc.is_inf(column), fill_value=False).to_numpy(zero_copy_only=False)
            for row in np.flatnonzero(found & ~infinite).tolist():
                log(row, "non_finite_feature", f"expected a number in column {name!r}; found {column[row]}")
            infinite |= found
    blank = np.ones(batch.cells.num_rows, dtype=np.bool_)
    for column in batch.cells.columns:
        blank &= pc.is_null(column).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(blank).tolist():
        log(row, "non_finite_feature", "expected a value in one of the columns; found none")
    return ~infinite & ~blank & find_labelled_rows(batch.columns, ingestion, numbers)
