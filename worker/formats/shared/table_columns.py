"""What is known of each column of a table before its cells are encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.catalogue.column_types import ColumnType


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column that is used, and what its cells hold."""

    name: str
    type: ColumnType
    rows: int
    """Cells that were counted, blank ones among them."""
    blanks: int
    """Cells that are blank, or not of the type."""
    mean: float = 0.0
    """Of a column of numbers; of truth values the share that is true, of dates the days since 1970."""
    deviation: float = 1.0
    """Standard deviation of the same; 1 for a constant."""
    values: tuple[str, ...] = ()
    """Of a column of categories: the frequent ones first, ties by text."""
    counts: tuple[int, ...] = ()
    """Cells of each of these values."""
    decimal_comma: bool = False
    dot_thousands: bool = False
    """Of a column of numbers that are texts: 1.200 is 1200."""
    day_format: str = ""
    """Of a column of dates that are texts."""
