"""CSV tables of features, read in blocks as text and then converted, so that errors name the bad value."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from worker.formats.shared.column_roles import ColumnRoles, choose_roles, has_codes
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, ProblemLog, make_printable
from worker.formats.shared.sample import CellsNeeded, Columns, FeatureBatch, Features
from worker.formats.tables.csv_style import peek_values, read_style, write_regular_copy
from worker.formats.tables.decimal_signs import note_doubtful_points
from worker.formats.tables.mixed_tables import describe_columns, make_table
from worker.formats.tables.number_texts import mixes_signs, read_numbers
from worker.kinds.feature_arrays import check_width

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from models.reading.text_tables import TableStyle
    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.sample import Documents, Ingestion, Table

_BLOCK_BYTES = 8 << 20


def open_csv(upload: Upload, ingestion: Ingestion) -> Features | Table | Documents:
    """Open a table with a header line: features, or whatever its cells are if they are not only numbers."""
    style = read_style(upload.path, ingestion)
    peek = peek_values(upload.path, style)
    roles = choose_roles(style.columns, peek, ingestion)
    check_width(len(roles.features), ingestion)
    if not ingestion.reads_cells and any(has_codes(peek[name]) for name in roles.features):
        raise CellsNeeded
    note_doubtful_points(peek, roles.features, ingestion)
    if roles.label is not None:
        ingestion.layout["label_index"] = style.columns.index(roles.label)
    if roles.classes:
        ingestion.layout["class_places"] = {name: style.columns.index(name) for name in roles.classes}
    path, skipped = upload.path, list[int]()
    if not style.is_plain:
        path = ingestion.staging / "regular.csv"
        style, skipped = write_regular_copy(upload.path, style, path)
        for number in skipped:
            ingestion.problems.add(
                str(number), "bad_row", f"expected {len(style.columns)} fields; found more"
            )

    def find_row_numbers(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows + np.searchsorted(np.array(skipped) - np.arange(len(skipped)), rows, side="right")

    if ingestion.reads_cells:
        silent = replace(ingestion, problems=ProblemLog(max_listed=0))
        counted = _read_blocks(path, style, [], silent)
        return make_table(
            "csv",
            describe_columns(counted, roles.features, ingestion),
            _read_labelled(_read_blocks(path, style, skipped, ingestion), roles, ingestion),
            row_numbers=find_row_numbers,
        )
    return Features(
        format="csv",
        names=roles.features,
        batches=_read_batches(_read_blocks(path, style, skipped, ingestion), roles, ingestion),
        row_numbers=find_row_numbers,
    )


def _read_labelled(
    blocks: Iterator[pa.RecordBatch], roles: ColumnRoles, ingestion: Ingestion
) -> Iterator[tuple[pa.RecordBatch, Columns]]:
    """Yield blocks of rows with their labels, keys and splits."""

    def encode(column: pa.Array, *, is_truth: bool) -> NDArray[np.int32]:
        return encode_distinct(column, ingestion, is_truth=is_truth)

    own = ingestion.own
    for block in blocks:
        own.append({name: block.column(name).to_pylist() for name in own.names})
        yield block, read_columns(block, roles, encode, ingestion)


def _read_batches(
    blocks: Iterator[pa.RecordBatch], columns: ColumnRoles, ingestion: Ingestion
) -> Iterator[FeatureBatch]:
    for block in blocks:
        yield make_feature_batch(block, columns, ingestion)


def _read_blocks(
    path: Path, style: TableStyle, skipped: list[int], ingestion: Ingestion
) -> Iterator[pa.RecordBatch]:
    """Yield blocks of rows, all columns as text; rows with a wrong field count are logged and skipped."""
    above = style.lines_before + style.header_lines

    def skip_row(row: pa_csv.InvalidRow) -> str:
        number = len(skipped) if row.number is None else row.number - above - 1
        skipped.append(number)
        if not row.text.startswith("#"):
            found = f"{row.actual_columns}: {row.text[:80]}"
            ingestion.problems.add(
                str(number), "bad_row", f"expected {row.expected_columns} fields; found {found}"
            )
        return "skip"

    try:
        yield from pa_csv.open_csv(
            path,
            read_options=pa_csv.ReadOptions(
                block_size=_BLOCK_BYTES,
                use_threads=False,
                column_names=list(style.columns),
                skip_rows=above,
                encoding=style.encoding,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=style.delimiter, invalid_row_handler=skip_row, newlines_in_values=True
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(style.columns, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise IngestError(
            "bad_csv", f"expected a CSV table; found: {make_printable(str(error))[:300]}"
        ) from None


def make_feature_batch(batch: pa.RecordBatch, columns: ColumnRoles, ingestion: Ingestion) -> FeatureBatch:
    """Return the features and the other columns of one block of rows."""
    ingestion.own.append({name: batch.column(name).to_pylist() for name in ingestion.own.names})
    features = np.empty((batch.num_rows, len(columns.features)), dtype=np.float32)
    for index, name in enumerate(columns.features):
        features[:, index] = read_numbers(batch.column(name), name, ingestion)
    if mixes_signs(batch, columns.features, ingestion):
        raise CellsNeeded

    def encode(column: pa.Array, *, is_truth: bool) -> NDArray[np.int32]:
        return encode_distinct(column, ingestion, is_truth=is_truth)

    return check_numbers(
        FeatureBatch(features=features, columns=read_columns(batch, columns, encode, ingestion))
    )


def check_numbers(batch: FeatureBatch) -> FeatureBatch:
    """Return a batch whose labelled rows are filled or all blank; raise CellsNeeded otherwise."""
    is_blank = np.isnan(batch.features[batch.columns.given != MISSING])
    if (is_blank.any(1) & ~is_blank.all(1)).any():
        raise CellsNeeded
    return batch


class Encode(Protocol):
    """Returns the codes [n] of a column of labels."""

    def __call__(self, column: pa.Array, *, is_truth: bool) -> NDArray[np.int32]:
        """Return the codes."""
        ...


def encode_distinct(column: pa.Array, ingestion: Ingestion, *, is_truth: bool) -> NDArray[np.int32]:
    """Return the codes of a column; each distinct value is looked up once."""
    encoded = column.dictionary_encode()
    codes = ingestion.vocabulary.encode(encoded.dictionary.to_pylist(), is_truth=is_truth)
    codes = np.append(codes, np.int32(MISSING))
    rows: NDArray[np.int32] = codes[encoded.indices.fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)]
    return rows


def read_columns(
    batch: pa.RecordBatch, columns: ColumnRoles, encode: Encode, ingestion: Ingestion
) -> Columns:
    """Return label codes, keys and splits of a block of rows."""

    def read_texts(name: str | None) -> list[Any] | None:
        return None if name is None else batch.column(name).to_pylist()

    keys, splits = read_texts(columns.key), read_texts(columns.split)
    return Columns(
        given=ingestion.classes.encode_block(batch, columns.classes, ingestion.vocabulary)
        if columns.label is None
        else encode(batch.column(columns.label), is_truth=False),
        true=None if columns.truth is None else encode(batch.column(columns.truth), is_truth=True),
        keys=None if keys is None else Texts("" if key is None else str(key) for key in keys),
        splits=None
        if splits is None
        else [sys.intern(str(split)) if split not in (None, "") else None for split in splits],
    )
