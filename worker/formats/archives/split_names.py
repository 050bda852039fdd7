"""Which names of folders and files mean a split: train, training_set, val2017, seg_test, ..."""

from __future__ import annotations

import re

SPLITS = frozenset(
    ("train", "training", "trn", "val", "valid", "validation", "dev", "test", "testing", "tst", "eval")
)
GENERIC_WORDS = frozenset(
    (
        *("set", "sets", "data", "dataset", "split", "splits", "image", "images", "imgs", "img", "picture"),
        *("pictures", "photo", "photos", "folder", "dir", "files", "samples", "seg", "my", "the", "final"),
        *("new", "full", "all", "part", "crop", "cropped", "resized", "small", "large", "clean", "raw"),
    )
)
"""What people write around the word of a split."""
UNLABELLED_WORDS = frozenset(
    (
        *("pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled", "unsup", "unsupervised"),
        *("extra", "infer", "inference", "submission", "sample", "samples", "holdout", "background"),
    )
)
"""Names of folders beside splits whose pictures have no class."""
_WORDS = re.compile(r"[A-Za-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def split_words(name: str) -> list[str]:
    """Return the words of a name in lower case: also of trainSet and val2017."""
    return [word.lower() for word in _WORDS.findall(_CAMEL.sub(" ", name))]


def is_split_name(name: str) -> bool:
    """Return whether a folder is named as a split: one of its words, or one among generic words."""
    if name.lower() in SPLITS:
        return True
    words = split_words(name)
    rest = [word for word in words if word not in SPLITS]
    return len(rest) < len(words) and all(word in GENERIC_WORDS or len(word) == 1 for word in rest)


def is_unlabelled_name(name: str) -> bool:
    """Return whether a folder is named as pictures without labels."""
    words = [word for word in split_words(name) if word not in GENERIC_WORDS]
    return bool(words) and all(word in UNLABELLED_WORDS for word in words)


def find_split(name: str) -> str | None:
    """Return the split word in a file's name, such as train-00000-of-00002.parquet; None if there is none."""
    return next((word for word in split_words(name.rsplit("/", 1)[-1]) if word in SPLITS), None)


def rank_split(split: str | None) -> int:
    """Return where a split comes: train first, test last."""
    name = split or ""
    return 0 if name.startswith("tr") else 2 if name.startswith(("test", "tst")) else 1
