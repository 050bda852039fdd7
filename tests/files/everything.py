"""All shapes, whatever module makes them."""

from tests.files import (
    archive_shapes,
    array_shapes,
    box_shapes,
    class_column_shapes,
    class_shapes,
    foreign_shapes,
    picture_table_shapes,
    shard_shapes,
    table_shapes,
    workbook_shapes,
)
from tests.files.shapes import SHAPES

MODULES = (
    archive_shapes,
    array_shapes,
    box_shapes,
    class_column_shapes,
    class_shapes,
    foreign_shapes,
    picture_table_shapes,
    shard_shapes,
    table_shapes,
    workbook_shapes,
)
__all__ = ["MODULES", "SHAPES"]
