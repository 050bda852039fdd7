"""Tables by the types of their columns: all cells are counted first, then read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from worker.formats.shared.sample import Table, TableBatch
from worker.formats.tables import cell_texts
from worker.formats.tables.column_profiles import ColumnProfile, write_categories
from worker.formats.tables.text_columns import make_documents
from worker.formats.tables.type_choice import choose_types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from models.catalogue.column_types import ColumnType
    from worker.formats.shared.sample import Columns, Documents, Ingestion
    from worker.formats.shared.table_columns import TableColumn

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("us"),
    "category": pa.string(),
    "text": pa.string(),
}


def describe_columns(
    blocks: Iterable[pa.RecordBatch], names: Sequence[str], ingestion: Ingestion
) -> list[TableColumn]:
    """Count all cells of these columns, and return those that are used with their types."""
    profiles = {name: ColumnProfile(name=name) for name in names}
    for block in blocks:
        for name, profile in profiles.items():
            profile.add(block.column(name))
        ingestion.alive()
    return choose_types(names, profiles, ingestion)


def make_table(
    format_name: str,
    described: Sequence[TableColumn],
    blocks: Iterator[tuple[pa.RecordBatch, Columns]],
    *,
    row_numbers: Callable[[NDArray[Any]], NDArray[Any]] = lambda rows: rows,
    total: int | None = None,
) -> Table | Documents:
    """Return the table, or the texts, whose blocks of rows come with what else is known of them."""
    if any(column.type == "text" for column in described):
        return make_documents(format_name, described, blocks, row_numbers=row_numbers, total=total)
    return Table(
        format=format_name,
        described=described,
        batches=(
            TableBatch(cells=read_cells(block, described), columns=columns) for block, columns in blocks
        ),
        row_numbers=row_numbers,
        total=total,
    )


def read_cells(block: pa.RecordBatch, described: Sequence[TableColumn]) -> pa.RecordBatch:
    """Return the cells of a block by their columns' types; null where blank or not of the type."""
    arrays = [_read_column(block.column(column.name), column) for column in described]
    fields = [
        pa.field(column.name, array.type, metadata={"type": column.type})
        for column, array in zip(described, arrays, strict=True)
    ]
    return pa.record_batch(arrays, pa.schema(fields))


def _read_column(cells: pa.Array, column: TableColumn) -> pa.Array:
    cells = cell_texts.unpack(cells)
    if column.type == "category":
        return write_categories(cells)
    if pa.types.is_null(cells.type):
        return pa.nulls(len(cells), ARROW_TYPES[column.type])
    if cell_texts.is_text(cells.type):
        return _parse(cell_texts.trim(cells), column)
    if column.type == "number":
        numbers = cells.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    if pa.types.is_timestamp(cells.type) and cells.type.tz is not None:
        cells = cells.cast(pa.timestamp("us", "UTC"), safe=False)
    return cells.cast(ARROW_TYPES[column.type], safe=False)


def _parse(texts: pa.Array, column: TableColumn) -> pa.Array:
    if column.type == "number":
        return cell_texts.parse_numbers(
            texts, decimal_comma=column.decimal_comma, dot_thousands=column.dot_thousands
        )
    if column.type == "boolean":
        return cell_texts.parse_booleans(texts)
    return cell_texts.parse_dates(texts, column.day_format)
