"""A table in memory as one file."""

import io
from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
from pyarrow import csv, parquet

from app.exports.files.arrow_csv import escape_formulas


def write_table(table: pa.Table, form: Literal["csv", "parquet"]) -> Iterator[bytes]:
    """Yield a table's file."""
    sink = io.BytesIO()
    if form == "parquet":
        parquet.write_table(table, sink, compression="zstd")
    else:
        csv.write_csv(escape_formulas(table), sink, csv.WriteOptions(eol="\r\n"))
    yield sink.getvalue()
