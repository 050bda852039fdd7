"""Files as people have them are read as they are meant, or refused with the way out."""

from pathlib import Path

import pytest

from tests.files.check import read_shape
from tests.files.everything import SHAPES
from tests.files.shapes import Shape


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_file_is_read_as_it_is_meant(shape: Shape, tmp_path: Path) -> None:
    assert read_shape(shape, tmp_path)
