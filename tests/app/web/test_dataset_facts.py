"""What a dataset's page says about an upload."""

from app.web.dataset_facts import describe

STATISTICS = {
    "class_counts": {"cat": 1200, "dog": 3},
    "problem_counts": {},
    "left_out": 0,
    "size_count": 11,
    "sizes": {f"{side}x{side}": 10 - side for side in range(1, 9)},
    "modes": {"RGB": 1203},
    "native_size": False,
    "split_counts": {"": 1203},
    "duplicate_keys": 0,
    "truth_known": 1203,
    "layout": {},
}


def test_facts_are_in_words_and_what_says_nothing_is_left_out() -> None:
    assert describe(STATISTICS) == [
        ("Image sizes", "1x1: 9, 2x2: 8, 3x3: 7, 4x4: 6, 5x5: 5, 6x6: 4 and 5 more"),
        ("Colour modes", "RGB: 1,203"),
        ("Known correct labels", "1,203"),
        ("Pixels", "resized"),
    ]


def test_splits_and_the_label_column_are_named() -> None:
    found = describe({"split_counts": {"train": 5, "": 2}, "layout": {"label_column": "y"}})
    assert found == [("Splits", "train: 5, none: 2"), ("Label column", "y")]
