"""Rewriting a Parquet file with other labels and fewer rows, in a process of its own.

Columns that were never read can hold gigabytes in a few kilobytes.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from models.reading.several_labels.class_cells import flip_cell

BATCH_ROWS = 512
"""Rows in memory at a time: 100 MB of them, where each holds a picture."""
READ_BYTES = 1 << 20
MEMORY_BYTES, MEMORY_PER_BYTE = 2**29, 8
"""For rewriting, and of it for each byte of the file."""
Changes = Mapping[int, Mapping[int, object]]
"""By place of a column: by row its new value, as the column holds it."""
ColumnFlips = Mapping[int, tuple[Sequence[str], AbstractSet[int]]]
"""By place of a column that is a class: how it writes no and yes, and the rows that get the opposite."""


def rewrite_parquet(
    source: str,
    destination: str,
    *,
    kept: AbstractSet[int],
    changes: Changes,
    flips: ColumnFlips,
    first_row: int,
) -> int:
    """Write a Parquet file as it is but for changed labels and dropped rows; return the rows that stay.

    Args:
        source: path of the uploaded file.
        destination: path of the file to write.
        kept: the rows that stay, of all files of the upload.
        changes: new values of the label column.
        flips: cells of columns that are classes.
        first_row: the number of the file's first row.

    """
    written = 0
    with parquet.ParquetFile(source, buffer_size=READ_BYTES, pre_buffer=False) as file:
        schema = file.schema_arrow
        with parquet.ParquetWriter(destination, schema, compression="zstd") as writer:
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                rows = range(first_row, first_row + batch.num_rows)
                rewritten = _rewrite_batch(batch, rows, changes, flips)
                rewritten = rewritten.filter(pa.array([row in kept for row in rows]))
                writer.write_batch(rewritten)
                first_row += len(rows)
                written += rewritten.num_rows
    return written


def _rewrite_batch(
    batch: pa.RecordBatch, rows: range, changes: Changes, flips: ColumnFlips
) -> pa.RecordBatch:
    for column, values in changes.items():
        batch = _change_column(batch, column, rows, {row: values[row] for row in rows if row in values})
    for column, (writing, flipped) in flips.items():
        cells = {row: batch.column(column)[at].as_py() for at, row in enumerate(rows) if row in flipped}
        new = {row: flip_cell(cell, writing) for row, cell in cells.items()}
        batch = _change_column(batch, column, rows, new)
    return batch


def _change_column(
    batch: pa.RecordBatch, column: int, rows: range, new: Mapping[int, object]
) -> pa.RecordBatch:
    """Return a batch with other values of a column in some of its rows."""
    if not new:
        return batch
    kind = batch.schema.field(column).type
    replacing = pa.array(
        [new.get(row) for row in rows], kind.value_type if pa.types.is_dictionary(kind) else kind
    )
    mask = pa.array([row in new for row in rows])
    labels = batch.column(column)
    plain = labels.cast(replacing.type) if pa.types.is_dictionary(kind) else labels
    merged = pc.if_else(mask, replacing, plain)
    merged = merged.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else merged
    return batch.set_column(column, batch.schema.field(column), merged)
