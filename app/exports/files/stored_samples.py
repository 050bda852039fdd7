"""The table of samples as ingestion stored it, with a few thousand rows in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from app.exports.files.final_rows import DROPPED, UNCHANGED, FinalRows, Labels
from app.infra.errors import Invalid

BATCH_ROWS = 8192
OLD_PACK = "this dataset was ingested by an earlier version; upload it again to export it"


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleRow:
    """One sample as ingestion stored it."""

    position: int
    key: str
    given: int
    uploaded: int
    """The label in the uploaded file; another than the given one in a version."""
    true: int | None
    split: str | None
    source_row: int
    source_name: str | None
    source_offset: int | None
    source_length: int | None
    source_method: int | None


COLUMNS = {"given": "given_label", "uploaded": "uploaded_label", "true": "true_label"}
"""Columns whose names are not their field's."""


def iterate_samples(table: Path) -> Iterator[SampleRow]:
    """Iterate over all samples by position.

    Raises:
        Invalid: an earlier version wrote the table.

    """
    for batch in _read_batches(table, [*SampleRow.__dataclass_fields__]):
        for row in batch.to_pylist():
            yield SampleRow(**row)


def map_final_rows(table: Path, final_N: Labels) -> FinalRows:
    """Return what becomes of the rows of the upload.

    Args:
        table: of samples.
        final_N: final labels by position, DROPPED for samples that are not kept.

    Raises:
        Invalid: an earlier version wrote the table.

    """
    rows, labels = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for batch in _read_batches(table, ["position", "uploaded", "source_row"]):
        positions, uploaded, source_rows = (column.to_numpy() for column in batch.columns)
        final = final_N[positions]
        kept = final != DROPPED
        rows.append(source_rows[kept])
        labels.append(np.where(final == uploaded, UNCHANGED, final)[kept].astype(np.int32))
    return FinalRows(np.concatenate(rows), np.concatenate(labels))


def _read_batches(table: Path, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the samples' fields, each under its own name."""
    with parquet.ParquetFile(table) as file:
        known = set(file.schema_arrow.names)
        if "source_row" not in known:
            raise Invalid(OLD_PACK)
        columns = COLUMNS if "uploaded_label" in known else COLUMNS | {"uploaded": "given_label"}
        names = [columns.get(field, field) for field in fields]
        for batch in file.iter_batches(BATCH_ROWS, columns=[*dict.fromkeys(names)]):
            yield pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=[*fields])
