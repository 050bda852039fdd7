"""Sets of classes as lists: what is in one, and how it is written again."""

import pytest

from models.reading.several_labels.label_sets import (
    have_numbers,
    split_label_set,
    write_label_set,
    write_list,
)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ('["cat", "dog"]', ("cat", "dog")),
        ("['cat', 'dog']", ("cat", "dog")),
        ('["\\ud83d\\ude00", "caf\\u00e9"]', ("😀", "café")),
        ('["a;b"]', ("a;b",)),
        ("[1, 2]", ("1", "2")),
        ("[]", ()),
        ("[true, false]", ("[true, false]",)),
        ("cat;dog", ("cat;dog",)),
        ('["a\\u0000", "b"]', ('["a\\u0000", "b"]',)),
    ],
)
def test_without_a_separator_only_lists_have_several_classes(text: str, classes: tuple[str, ...]) -> None:
    assert split_label_set(text, None) == classes


def test_without_a_separator_sets_are_written_as_lists() -> None:
    assert write_label_set(["cat", "dog"], None, like="cat") == '["cat", "dog"]'
    assert write_label_set([], None, like="cat") == "[]"


def test_lists_of_numbers_stay_lists_of_numbers() -> None:
    assert have_numbers(["[1, 2]", "[]", "3"])
    assert not have_numbers(['["1"]', "[2]"])
    assert not have_numbers(["[]"])
    assert write_list(["2", "7"], like=[1, 2], of_numbers=True) == [2, 7]
    assert write_list(["2", "7"], like=["1", "2"], of_numbers=False) == ["2", "7"]
    assert write_list(["cat", "dog"], like="cat", of_numbers=False) == ["cat", "dog"]
