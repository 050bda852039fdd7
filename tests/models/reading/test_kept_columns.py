"""Which columns are people's own by name, and what their values are."""

import pytest

from models.reading.kept_columns import CATEGORIES_MAX, VALUE_MAX, ColumnProfile, cut_value, is_own_name


@pytest.mark.parametrize("name", ["annotator", "Annotator ID", "camera", "labelled_by", "devices"])
def test_names_that_say_where_a_sample_comes_from(name: str) -> None:
    assert is_own_name(name)


@pytest.mark.parametrize("name", ["width", "camera_angle", "batch_norm", "id", "date", "site", ""])
def test_other_names_may_be_features(name: str) -> None:
    assert not is_own_name(name)


def make_profile(*values: str | None) -> ColumnProfile:
    profile = ColumnProfile(name="column")
    for value in values:
        profile.add(value)
    return profile


def test_numbers_are_measurements_only_if_there_are_many() -> None:
    measured = make_profile(*(str(number / 2) for number in range(CATEGORIES_MAX + 1)), None)
    assert (measured.kind, measured.missing, measured.convert("2.5")) == ("number", 1, 2.5)
    assert make_profile(*map(str, range(CATEGORIES_MAX))).convert("3") == "3"
    assert make_profile(*map(str, range(50)), "none").kind == "text"
    assert make_profile(*map(str, range(50)), "nan").kind == "text"


def test_values_are_printable_and_short() -> None:
    assert cut_value("  kim\x00\n ") == "kim"
    assert cut_value("a\x1bb") == "a b"
    assert cut_value("x" * 500) == "x" * VALUE_MAX
    assert [cut_value(value) for value in (None, "", "  ", 0)] == [None, None, None, "0"]
