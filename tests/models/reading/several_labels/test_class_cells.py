"""Cells of columns that are classes: which writings are known, and what the opposite of a cell is."""

from decimal import Decimal

import pytest

from models.reading.several_labels.class_cells import find_writings, flip_cell, read_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1.0", "1"),
        (" 0 ", "0"),
        (True, "true"),
        ("FALSE", "false"),
        ("Yes", "yes"),
        (-1, "-1"),
        ("", None),
        (None, None),
        (float("nan"), None),
        ("N/A", None),
        ("2", "2"),
    ],
)
def test_cells_are_compared_whatever_their_type(value: object, cell: str | None) -> None:
    assert read_cell(value) == cell


@pytest.mark.parametrize(
    ("cells", "writing"),
    [
        ({"0", "1"}, ("0", "1")),
        ({"1", "-1"}, ("-1", "1")),
        ({"true"}, ("false", "true")),
        ({"no", "yes"}, ("no", "yes")),
        ({"-1", "0", "1"}, None),
        ({"1", "true"}, None),
        ({"0", "2"}, None),
    ],
)
def test_a_column_has_one_writing(cells: set[str], writing: tuple[str, str] | None) -> None:
    assert find_writings({"dog": cells}) == {"dog": writing}


def test_cells_of_bytes_and_decimals_keep_their_type() -> None:
    assert flip_cell(b"1.0", ("0", "1")) == b"0.0"
    assert flip_cell(b"YES", ("no", "yes")) == b"NO"
    assert flip_cell(Decimal("1.00"), ("0", "1")) == Decimal(0)
    assert isinstance(flip_cell(Decimal("1.00"), ("0", "1")), Decimal)


def test_a_column_of_ones_is_written_as_its_neighbours() -> None:
    assert find_writings({"dog": {"1"}, "cat": {"-1", "1"}, "boat": {"0"}}) == {
        "dog": ("-1", "1"),
        "cat": ("-1", "1"),
        "boat": ("0", "1"),
    }


@pytest.mark.parametrize(
    ("value", "writing", "flipped"),
    [
        ("0", ("0", "1"), "1"),
        ("1.0", ("0", "1"), "0.0"),
        (" 1", ("-1", "1"), " -1"),
        ("-1", ("-1", "1"), "1"),
        ("True", ("false", "true"), "False"),
        ("NO", ("no", "yes"), "YES"),
        ("yes", ("no", "yes"), "no"),
        (1, ("0", "1"), 0),
        (1.0, ("-1", "1"), -1.0),
        (False, ("false", "true"), True),
    ],
)
def test_the_opposite_is_written_as_the_cell_is(
    value: object, writing: tuple[str, str], flipped: object
) -> None:
    found = flip_cell(value, writing)
    assert (found, type(found)) == (flipped, type(flipped))
