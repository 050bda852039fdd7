"""The table of samples as ingestion stored it, with a few thousand rows in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from app.exports.files.final_rows import DROPPED, UNCHANGED, FinalRows, Labels
from app.infra.errors import Invalid

BATCH_ROWS, ROWS_AT_ONCE = 8192, 256
"""Rows that are read, and of those the ones that are objects, of a kilobyte each, at the same time."""
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
        for start in range(0, len(batch), ROWS_AT_ONCE):
            for row in batch.slice(start, ROWS_AT_ONCE).to_pylist():
                yield SampleRow(**row)


def map_final_rows(
    table: Path,
    final_N: Labels,
    *,
    marks_unchanged: bool,
    dropped_before: npt.NDArray[np.int64] | None = None,
) -> FinalRows:
    """Return what becomes of the rows of the upload.

    Args:
        table: of samples.
        final_N: final labels by position, DROPPED for samples that are not kept.
        marks_unchanged: a label that is as the upload has it is UNCHANGED, not the label itself.
        dropped_before: rows of samples that earlier versions dropped: rows that never were a sample, such as
            those without a label, are UNCHANGED then. None: they are dropped.

    Raises:
        Invalid: an earlier version wrote the table.

    """
    rows, labels, dropped = [np.empty(0, np.int64)], [np.empty(0, np.int32)], []
    for batch in _read_batches(table, ["position", "uploaded", "source_row"]):
        positions, uploaded, source_rows = (column.to_numpy() for column in batch.columns)
        final = final_N[positions]
        kept = final != DROPPED
        rows.append(source_rows[kept])
        found = np.where(final == uploaded, UNCHANGED, final) if marks_unchanged else final
        labels.append(found[kept].astype(np.int32))
        dropped.append(source_rows[~kept])
    every = None if dropped_before is None else np.concatenate([dropped_before, *dropped])
    return FinalRows(np.concatenate(rows), np.concatenate(labels), every)


def is_built_version(table: Path) -> bool:
    """Return whether the samples are a version that was made here, not an upload of its own."""
    return "uploaded_label" in parquet.read_schema(table).names


def list_rows(table: Path, positions: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """Return the rows of the upload in which samples stand, of some positions, which ascend."""
    parts = [np.empty(0, np.int64)]
    for batch in _read_batches(table, ["position", "source_row"]):
        found, rows = (column.to_numpy() for column in batch.columns)
        parts.append(rows[np.isin(found, positions, assume_unique=True)])
    return np.concatenate(parts)


def measure_depths(table: Path) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Return how many folders the key of each sample names [N], by position.

    Raises:
        Invalid: an earlier version wrote the table.

    """
    batches = _read_batches(table, ["key"])
    depths = [pc.count_substring(batch.column("key"), "/").to_numpy() for batch in batches]
    depths_N = np.concatenate([np.empty(0, np.int32), *depths])
    return depths_N.astype(np.min_scalar_type(int(depths_N.max(initial=0))))


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
