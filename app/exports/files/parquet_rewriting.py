"""Rewriting a Parquet file with other labels and fewer rows, in a process of its own.

Columns that were never read can hold gigabytes in a few kilobytes.
Legend of shapes: R rows of a batch.
"""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from app.exports.files.category_columns import list_categories, replace_categories
from app.exports.files.final_rows import DROPPED, FinalRows, Labels
from models.reading.label_texts import make_comparable
from models.reading.several_labels.class_cells import flip_cell
from models.reading.several_labels.label_sets import write_list

BATCH_ROWS = 512
"""Rows in memory at a time: 100 MB of them, where each holds a picture."""
READ_BYTES = 1 << 20
GROUP_BYTES = 1 << 25
"""In memory, of rows that are written as one group: each group repeats the values of its columns."""
MEMORY_BYTES, MEMORY_PER_BYTE = 2**29, 8
"""For rewriting, and of it for each byte of the file."""
FILE_BYTES, FILE_PER_BYTE = 2**26, 8
"""The longest file that may be written, and of it for each byte of the uploaded one."""


@dataclass(frozen=True)
class NewLabels:
    """New labels of a column."""

    values: Mapping[int, object]
    """As the column holds them, by label."""

    @property
    def is_any(self) -> bool:
        """Return whether anything changes."""
        return bool(self.values)

    def find(self, _: pa.Array, labels_R: Labels, __: int) -> dict[int, object]:
        """Return the new values of a batch, by row of it."""
        return {row: self.values[int(labels_R[row])] for row in np.flatnonzero(labels_R >= 0).tolist()}


@dataclass(frozen=True)
class NewLists:
    """New labels of a column of lists of classes."""

    classes: Mapping[int, Sequence[str]]
    """Names of classes, by label."""
    numbers: Mapping[str, int]
    """Of the class names, in the form in which names are compared, where the file numbers some; else none."""
    of_numbers: bool

    @property
    def is_any(self) -> bool:
        """Return whether anything changes."""
        return bool(self.classes)

    def find(self, given: pa.Array, labels_R: Labels, _: int) -> dict[int, object]:
        """Return the new lists of a batch, by row of it."""
        changed = np.flatnonzero(labels_R >= 0).tolist()
        return {row: self._write(self.classes[int(labels_R[row])], given[row].as_py()) for row in changed}

    def _write(self, classes: Sequence[str], like: object) -> list[object]:
        if self.numbers:
            return [self.numbers[make_comparable(name)] for name in classes]
        return write_list(classes, like=like, of_numbers=self.of_numbers)


@dataclass(frozen=True)
class FlippedCells:
    """Cells of a column that is a class, which get the opposite."""

    writing: tuple[str, ...]
    """How the column writes no and yes."""
    rows: AbstractSet[int]
    """Of the file."""

    @property
    def is_any(self) -> bool:
        """Return whether anything changes."""
        return bool(self.rows)

    def find(self, given: pa.Array, _: Labels, first_row: int) -> dict[int, object]:
        """Return the new values of a batch, by row of it."""
        flipped = (row for row in range(len(given)) if first_row + row in self.rows)
        return {row: flip_cell(given[row].as_py(), self.writing) for row in flipped}


Change = NewLabels | NewLists | FlippedCells


def rewrite_parquet(
    source: str,
    destination: str,
    *,
    finals: FinalRows,
    changes: Mapping[int, Change],
    reserve_bytes: int = 0,
) -> int:
    """Write a Parquet file as it is but for final labels and dropped rows; return the rows that stay.

    Args:
        source: path of the uploaded file.
        destination: path of the file to write.
        finals: of this file's rows.
        changes: what is written anew, by the place of its column.
        reserve_bytes: of the disk, which stay free.

    Raises:
        OSError: less than the reserve is free (ENOSPC), or the file becomes longer than it may be (EFBIG).
        Invalid: a column has categories and no number left for another one.

    """
    kept = 0
    with parquet.ParquetFile(source, buffer_size=READ_BYTES, pre_buffer=False) as file:
        rewritten = _rewrite_batches(file, finals, changes)
        with parquet.ParquetWriter(destination, file.schema_arrow, compression="zstd") as writer:
            for group in _gather_groups(rewritten):
                _check_room(Path(destination), reserve_bytes)
                writer.write_table(group)
                kept += group.num_rows
    return kept


def _check_room(destination: Path, reserve_bytes: int) -> None:
    if shutil.disk_usage(destination.parent).free < reserve_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _rewrite_batches(
    file: parquet.ParquetFile, finals: FinalRows, changes: Mapping[int, Change]
) -> Iterator[pa.Table]:
    categories = {column: _list_ordered(file, column) for column, change in changes.items() if change.is_any}
    first_row = 0
    for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
        labels_R, rewritten = finals.list_range(first_row, batch.num_rows), batch
        for column, known in categories.items():
            new = changes[column].find(batch.column(column), labels_R, first_row)
            rewritten = _change_column(rewritten, column, new, known)
        yield _keep(rewritten, labels_R != DROPPED)
        first_row += batch.num_rows


def _list_ordered(file: parquet.ParquetFile, column: int) -> Sequence[object]:
    """Return the categories of a column that has an order among them."""
    kind = file.schema_arrow.field(column).type
    has_order = pa.types.is_dictionary(kind) and kind.ordered
    return list_categories(file, column, BATCH_ROWS) if has_order else []


def _gather_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Put tables together to groups of rows, as long as their columns have the same categories."""
    waiting: list[pa.Table] = []
    for table in tables:
        if not table.num_rows:
            continue
        is_full = sum(each.nbytes for each in waiting) + table.nbytes > GROUP_BYTES
        if waiting and (is_full or not _have_same_categories(waiting[-1], table)):
            yield pa.concat_tables(waiting)
            waiting = []
        waiting.append(table)
    if waiting:
        yield pa.concat_tables(waiting)


def _have_same_categories(one: pa.Table, other: pa.Table) -> bool:
    """Return whether two tables have the same categories: a group of rows holds those of one of them."""
    places = [at for at, field in enumerate(one.schema) if pa.types.is_dictionary(field.type)]
    return all(
        one.column(at).chunk(0).dictionary.equals(other.column(at).chunk(0).dictionary) for at in places
    )


def _change_column(
    batch: pa.RecordBatch, column: int, new: Mapping[int, object], categories: Sequence[object]
) -> pa.RecordBatch:
    """Return a batch with other values of a column in some of its rows."""
    if not new:
        return batch
    given, field = batch.column(column), batch.schema.field(column)
    replaced = (
        replace_categories(given, new, categories)
        if pa.types.is_dictionary(field.type)
        else _replace(given, new)
    )
    return batch.set_column(column, field, replaced)


def _replace(given: pa.Array, new: Mapping[int, object]) -> pa.Array:
    """Return a column with other values in some rows."""
    try:
        replacing = pa.array([new.get(row) for row in range(len(given))], given.type)
        return pc.if_else(pa.array([row in new for row in range(len(given))]), replacing, given)
    except pa.ArrowNotImplementedError:  # such as string_view
        values = [new.get(row, value) for row, value in enumerate(given.to_pylist())]
        return pa.array(values, given.type)


def _keep(batch: pa.RecordBatch, kept_R: npt.NDArray[np.bool_]) -> pa.Table:
    """Return the rows to keep."""
    try:
        return pa.Table.from_batches([batch.filter(pa.array(kept_R))])
    except pa.ArrowNotImplementedError:  # such as string_view, also inside another type
        edges = np.flatnonzero(np.diff(kept_R, prepend=False, append=False)).tolist()
        runs = zip(edges[::2], edges[1::2], strict=True)
        return pa.Table.from_batches([batch.slice(at, end - at) for at, end in runs], batch.schema)
