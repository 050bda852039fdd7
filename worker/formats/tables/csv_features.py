"""CSV tables of features, read in blocks as text and then converted, so that errors name the bad value."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from worker.formats.shared.columns import (
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    check_distinct,
    find_column,
    require_column,
)
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.sample import Columns, FeatureBatch, Features
from worker.kinds.feature_arrays import check_width, convert_to_float32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.sample import Ingestion

_BLOCK_BYTES = 8 << 20
_DELIMITERS = ",;\t"
_INDEX_NAMES = ("", "unnamed: 0")
_MISSING = pa.array(["", "na", "n/a", "nan", "null", "none", "?"])


class TableColumns:
    """Names of a table's columns by meaning; all other columns are features."""

    def __init__(self, names: Sequence[str], ingestion: Ingestion) -> None:
        options = ingestion.options
        self.label = require_column(names, options.label_column, LABELS, "label", option="label_column")
        ingestion.layout["label_column"] = self.label
        self.truth = find_column(names, options.truth_column, TRUTHS)
        self.key = find_column(names, options.key_column, (*KEYS, *_INDEX_NAMES))
        self.split = find_column(names, options.split_column, SPLIT_NAMES)
        special = (self.label, self.truth, self.key, self.split)
        self.features = [
            name for name in names if name not in special and name.strip().lower() not in _INDEX_NAMES
        ]


def open_csv(upload: Upload, ingestion: Ingestion) -> Features:
    """Open a feature table with a header line."""
    _check_utf8(upload.path)
    delimiter, header = read_header(upload.path)
    columns = TableColumns(header, ingestion)
    check_width(len(columns.features), ingestion)
    skipped: list[int] = []
    return Features(
        format="csv",
        names=columns.features,
        batches=_read_batches(
            _read_blocks(upload.path, delimiter, header, skipped, ingestion), columns, ingestion
        ),
        row_numbers=lambda rows: (
            rows + np.searchsorted(np.array(skipped) - np.arange(len(skipped)), rows, side="right")
        ),
    )


def _check_utf8(path: Path) -> None:
    """Refuse other encodings: Arrow notices them only in rows with too many or too few fields."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise IngestError(
                "bad_csv", f"expected a CSV table in UTF-8; found: {error} (save the table as UTF-8)"
            ) from None


def read_header(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter and the column names of a CSV file."""
    with path.open("rb") as file:
        head = file.read(_BLOCK_BYTES)
    line = head.splitlines()[0] if head.strip() else b""
    try:
        text = line.decode("utf-8-sig")
        delimiter = max(_DELIMITERS, key=text.count)
        header = next(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise IngestError("bad_header", f"expected a CSV header in UTF-8; found: {error}") from None
    check_distinct(header)
    return delimiter, header


def _read_batches(
    blocks: Iterator[pa.RecordBatch], columns: TableColumns, ingestion: Ingestion
) -> Iterator[FeatureBatch]:
    done = 0
    for block in blocks:
        yield make_feature_batch(block, columns, done, ingestion)
        done += block.num_rows


def _read_blocks(
    path: Path, delimiter: str, header: Sequence[str], skipped: list[int], ingestion: Ingestion
) -> Iterator[pa.RecordBatch]:
    """Yield blocks of rows, all columns as text; rows with a wrong field count are logged and skipped."""

    def skip_row(row: pa_csv.InvalidRow) -> str:
        number = len(skipped) if row.number is None else row.number - 2
        skipped.append(number)
        found = f"{row.actual_columns}: {row.text[:80]}"
        ingestion.problems.add(
            str(number), "bad_row", f"expected {row.expected_columns} fields; found {found}"
        )
        return "skip"

    try:
        yield from pa_csv.open_csv(
            path,
            read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip_row),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise IngestError(
            "bad_csv", f"expected a CSV table; found: {make_printable(str(error))[:300]}"
        ) from None


def make_feature_batch(
    batch: pa.RecordBatch, columns: TableColumns, first_row: int, ingestion: Ingestion
) -> FeatureBatch:
    """Return the features and the other columns of one block of rows."""
    features = np.empty((batch.num_rows, len(columns.features)), dtype=np.float32)
    for index, name in enumerate(columns.features):
        features[:, index] = read_numbers(batch.column(name), name, first_row)

    def encode(column: pa.Array) -> NDArray[np.int32]:
        return ingestion.vocabulary.encode(column.to_pylist())

    return FeatureBatch(features=features, columns=read_columns(batch, columns, encode))


def read_columns(
    batch: pa.RecordBatch, columns: TableColumns, encode: Callable[[pa.Array], NDArray[np.int32]]
) -> Columns:
    """Return label codes, keys and splits of a block of rows."""

    def read_texts(name: str | None) -> list[Any] | None:
        return None if name is None else batch.column(name).to_pylist()

    keys, splits = read_texts(columns.key), read_texts(columns.split)
    return Columns(
        given=encode(batch.column(columns.label)),
        true=None if columns.truth is None else encode(batch.column(columns.truth)),
        keys=None if keys is None else Texts(map(str, keys)),
        splits=None
        if splits is None
        else [sys.intern(str(split)) if split not in (None, "") else None for split in splits],
    )


def read_numbers(column: pa.Array, name: str, first_row: int) -> NDArray[np.float32]:
    """Return a column of text or numbers as float32, NaN if missing.

    Raises:
        IngestError: it names the first value that is not a number.

    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _parse_numbers(column, name, first_row)
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    values = column.to_numpy(zero_copy_only=False)
    return convert_to_float32(values)


def _parse_numbers(column: pa.Array, name: str, first_row: int) -> pa.Array:
    """Parse text as 64-bit floats."""
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(pc.utf8_lower(trimmed), value_set=_MISSING)
    trimmed = pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        row, value = _find_first_bad(trimmed)
        raise IngestError(
            "column_not_numeric",
            f"expected numbers in column {name!r}; "
            f"found {make_printable(value)[:80]!r} in row {first_row + row} "
            "(remove the column or encode it as numbers)",
        ) from None


def _find_first_bad(column: pa.Array) -> tuple[int, str]:
    """Return row and text of the first value that is not a number, by bisection."""
    start, stop = 0, len(column)
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            column.slice(start, middle - start).cast(pa.float64())
            start = middle
        except pa.ArrowInvalid:
            stop = middle
    return start, str(column[start].as_py())
