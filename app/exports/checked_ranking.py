"""The ranking as a file after random checks: the stored one with probabilities and cut that follow them."""

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from app.audits.suspects import DISTANCE_MAX
from app.exports.files.arrow_csv import escape_formulas
from app.exports.files.stored_files import open_stored_file
from app.infra.storage import Storage
from models.checks.settled_figures import SettledFigures

BATCH_ROWS = 65_536


def write_csv(storage: Storage, stored: Path, settled: SettledFigures, rests_on: str) -> Iterator[bytes]:
    """Yield the ranking as CSV; `stored` is its Parquet file."""
    options = csv.WriteOptions(eol="\r\n")
    for number, table in enumerate(_read_tables(storage, stored, settled, rests_on)):
        sink = io.BytesIO()
        options.include_header = number == 0
        csv.write_csv(escape_formulas(table), sink, options)
        yield sink.getvalue()


def write_parquet(storage: Storage, stored: Path, settled: SettledFigures, rests_on: str) -> Iterator[bytes]:
    """Yield the ranking as Parquet; it is made in memory, some 30 bytes a sample."""
    sink = io.BytesIO()
    table = pa.concat_tables(_read_tables(storage, stored, settled, rests_on))
    parquet.write_table(table, sink, compression="zstd")
    yield sink.getvalue()


def _read_tables(
    storage: Storage, stored: Path, settled: SettledFigures, rests_on: str
) -> Iterator[pa.Table]:
    with open_stored_file(storage, stored) as opened, parquet.ParquetFile(opened) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            yield _correct(pa.Table.from_batches([batch]), settled, rests_on)


def _correct(table: pa.Table, settled: SettledFigures, rests_on: str) -> pa.Table:
    before = _find_stored(table)
    has_other = pc.not_equal(table["suggested_label"], table["given_label"])
    columns = {
        "error_probability": pa.array(settled.recalibration.apply(before.to_numpy()), pa.float32()),
        "is_label_issue": pc.and_(pc.greater(before, settled.cut), has_other),
        "rests_on": pa.array([rests_on] * len(table), pa.string()),
    }
    for name, column in columns.items():
        index = table.schema.get_field_index(name)
        table = table.append_column(name, column) if index < 0 else table.set_column(index, name, column)
    return table


def _find_stored(table: pa.Table) -> pa.ChunkedArray:
    """Return the error probabilities before any check; where there are none, what ranks."""
    known = [table[name] for name in ("error_probability", "score") if name in table.column_names]
    distance = pc.divide(table["distance"], pa.scalar(DISTANCE_MAX, pa.float32()))
    return pc.coalesce(*(column.cast(pa.float32()) for column in known), distance)
