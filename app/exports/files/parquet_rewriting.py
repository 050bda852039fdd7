"""Rewriting a Parquet file with other labels and fewer rows, in a process of its own.

Columns that were never read can hold gigabytes in a few kilobytes.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

BATCH_ROWS = 512
"""Rows in memory at a time: 100 MB of them, where each holds a picture."""
READ_BYTES = 1 << 20
MEMORY_BYTES, MEMORY_PER_BYTE = 2**29, 8
"""For rewriting, and of it for each byte of the file."""
Finals = Mapping[int, int | None]
"""By row: the new label of a row that stays, None if its label does not change."""


def rewrite_parquet(
    source: str,
    destination: str,
    *,
    column: int,
    finals: Finals,
    values: Mapping[int, object],
    first_row: int,
) -> int:
    """Write a Parquet file as it is but for final labels and dropped rows; return the rows that stay.

    Args:
        source: path of the uploaded file.
        destination: path of the file to write.
        column: the place of the label column.
        finals: of all files of the upload.
        values: new labels as the label column holds them, by label.
        first_row: the number in `finals` of the file's first row.

    """
    kept = 0
    with parquet.ParquetFile(source, buffer_size=READ_BYTES, pre_buffer=False) as file:
        schema = file.schema_arrow
        with parquet.ParquetWriter(destination, schema, compression="zstd") as writer:
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                rows = range(first_row, first_row + batch.num_rows)
                written = _rewrite_batch(batch, column, rows, finals, values)
                writer.write_batch(written)
                first_row += batch.num_rows
                kept += written.num_rows
    return kept


def _rewrite_batch(
    batch: pa.RecordBatch, column: int, rows: range, finals: Finals, values: Mapping[int, object]
) -> pa.RecordBatch:
    kind = batch.schema.field(column).type
    if any(finals.get(row) is not None for row in rows):
        changed = [None if (label := finals.get(row)) is None else values[label] for row in rows]
        replacing = pa.array(changed, kind.value_type if pa.types.is_dictionary(kind) else kind)
        mask = pa.array([finals.get(row) is not None for row in rows])
        labels = batch.column(column)
        plain = labels.cast(replacing.type) if pa.types.is_dictionary(kind) else labels
        merged = pc.if_else(mask, replacing, plain)
        merged = merged.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else merged
        batch = batch.set_column(column, batch.schema.field(column), merged)
    return batch.filter(pa.array([row in finals for row in rows]))
