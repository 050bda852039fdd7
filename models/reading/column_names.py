"""What the columns of people's tables mean, by their names."""

import difflib
import re
from collections import defaultdict
from collections.abc import Sequence

from models.reading.label_texts import make_comparable

FILE_NAMES = (
    *("file_name", "filename", "file", "path", "image", "image_path", "file_path", "image_name", "image_id"),
    *("img", "img_path", "img_name", "filepath", "filenames", "images", "picture"),
)
LABELS = (
    *("label", "labels", "class", "target", "targets", "given_label", "category", "class_name"),
    *("class_label", "label_name", "target_name", "noisy_label", "label_id", "class_id", "category_id"),
    *("choice", "species", "noisy_labels", "noisy_labels_0", "finding_labels", "y"),
)
COORDINATES = ("x", "y")
"""`y` beside `x` is more often a coordinate than a label."""
TRUTHS = ("true_label", "true_labels", "y_true", "clean_label", "clean_labels", "truth", "ground_truth")
KEYS = ("id", "ids", "key", "keys", "sample_id", "uid")
SPLITS = ("split", "splits", "subset")
ANNOTATORS = (
    *("annotator", "annotators", "annotator_id", "annotator_name", "annotated_by", "worker", "worker_id"),
    *("rater", "rater_id", "coder", "labeler", "labeller", "labeled_by", "labelled_by", "user", "user_id"),
)
POSITION = "position"
INDEX_COLUMN = re.compile(r"(unnamed:?_\d+([._]\d+)*|__index_level_\d+__)?")
"""What pandas calls an index that was written as a column; also a blank name."""
WRITTEN_INDEX = re.compile(r"unnamed:?_0([._]\d+)*|__index_level_\d+__")
"""What pandas calls an index wherever the column stands; a blank name in the middle is none."""
COUNTED_COLUMN = re.compile(r"index|level_\d+|row|rownum|row_number")
"""Names of an index only where the values count up by one."""


def normalise_name(name: str) -> str:
    """Return a column's name in lower case, with "_" for blanks and hyphens."""
    return re.sub(r"[\s\-]+", "_", make_comparable(name).strip("\"' ").lower())


def find_by_name(names: Sequence[str], usual: Sequence[str]) -> str | None:
    """Return the first column with one of the usual names, in the order of these; None if there is none."""
    return next(iter(list_by_name(names, usual)), None)


def list_by_name(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Return all columns with one of the usual names, in the order of these; those that lack a "_" last."""
    by_normal: dict[str, list[str]] = defaultdict(list)
    by_joined: dict[str, list[str]] = defaultdict(list)
    for name in names:
        normal = normalise_name(name)
        if normal in usual:
            by_normal[normal].append(name)
        else:
            by_joined[normal.replace("_", "")].append(name)
    joined = dict.fromkeys(wanted.replace("_", "") for wanted in usual)
    return [
        *(name for wanted in usual for name in by_normal.get(wanted, ())),
        *(name for wanted in joined for name in by_joined.get(wanted, ())),
    ]


def has_name(name: str, usual: Sequence[str]) -> bool:
    """Return whether a column has one of the usual names."""
    return bool(list_by_name([name], usual))


def find_chosen(names: Sequence[str], chosen: str) -> str | None:
    """Return the column that somebody chose: by its exact name, else by the only one like it."""
    if chosen in names:
        return chosen
    alike = [name for name in names if normalise_name(name) == normalise_name(chosen)]
    return alike[0] if len(alike) == 1 else None


def suggest_name(names: Sequence[str], chosen: str) -> str | None:
    """Return the column whose name is closest to one that does not exist; None if none is close."""
    return next(iter(difflib.get_close_matches(chosen, names, n=1)), None)


def is_index_name(name: str) -> bool:
    """Return whether pandas gave this name to an index."""
    return INDEX_COLUMN.fullmatch(normalise_name(name)) is not None


def may_be_key_anywhere(name: str) -> bool:
    """Return whether this is the name of an index also where the column is not the first."""
    return WRITTEN_INDEX.fullmatch(normalise_name(name)) is not None


def may_be_counter(name: str) -> bool:
    """Return whether a column of this name is an index if its values count up by one."""
    return COUNTED_COLUMN.fullmatch(normalise_name(name)) is not None
