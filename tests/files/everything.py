"""All shapes, whatever module makes them."""

from tests.files import archive_shapes, array_shapes, foreign_shapes, table_shapes, workbook_shapes
from tests.files.shapes import SHAPES

__all__ = ["SHAPES", "archive_shapes", "array_shapes", "foreign_shapes", "table_shapes", "workbook_shapes"]
