"""Display of the rows of a table: its cells as they were read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pyarrow import parquet

from app.infra.storage import Storage
from app.kinds.feature_display import FeatureDisplay
from app.kinds.sample_display import Appearance, Value
from app.tables import Dataset
from models.catalogue.kinds import CELLS

GROUPS_KEPT = 16
"""Row groups of 4,096 rows that are in memory at once: of 1,000 columns of numbers 0.5 GB."""


class TableDisplay(FeatureDisplay):
    """See `ShownKind`; a table's rows are encoded as features."""

    def describe(self, _: Sequence[int]) -> Appearance:
        """Return what pages need."""
        return Appearance(
            shape_title="Encoded values",
            has_pictures=False,
            sample_view="table",
        )

    def open_values(self, files: Storage, dataset: Dataset) -> Callable[[int], list[Value]]:
        """Return a function that reads the cells of a position."""
        path = files.fetch_pack_file(dataset, CELLS)
        known: dict[int, Any] = {}

        def read(position: int) -> list[Value]:
            with parquet.ParquetFile(path) as file:
                group, start = find_group(file, position)
                if group not in known:
                    if len(known) == GROUPS_KEPT:
                        known.pop(next(iter(known)))
                    known[group] = file.read_row_group(group)
            return [_show(column[position - start].as_py()) for column in known[group].columns]

        return read


def find_group(file: parquet.ParquetFile, position: int) -> tuple[int, int]:
    """Return the row group of a position, and the position of its first row."""
    start = 0
    for group in range(file.metadata.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if position < start + count:
            return group, start
        start += count
    raise IndexError(position)


def _show(cell: Any) -> Value:  # noqa: ANN401 - whatever a column holds
    if isinstance(cell, datetime):
        text = cell.isoformat(sep=" ", timespec="seconds")
        return text.removesuffix(" 00:00:00")
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return cell if isinstance(cell, float | None) else str(cell)
