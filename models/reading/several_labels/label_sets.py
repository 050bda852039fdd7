"""Labels that are sets of classes, such as "cat;dog" or ["cat", "dog"]: what is in one, how it is written."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.reading.label_texts import clean_text, format_label, make_comparable

NO_CLASS = "(none)"
"""The name of a set without a class."""
SEPARATORS = (";", "|", ",")
"""What usually stands between the labels of a set."""
LONGEST_SEPARATOR = 3
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a list in brackets can only have by escapes: control characters and halves of characters."""
MEMBERS_MAX = 10_000
"""Classes that are listed: rarer ones are in too few samples to be audited, and make lists of megabytes."""
MEMBERS_SHOWN = 100
"""Classes that are named where an upload is described."""
SETS_SHARE, SETS_MIN, TIMES_MIN = 0.25, 3, 2
"""Class names look like sets if this share of them, and this many, have several parts, each of which is in
this many on average: the parts of "Smith, John" hardly repeat."""


def read_separator(text: str) -> str:
    """Return the characters that separate labels: the text, or a blank for the word `space`.

    Raises:
        ValueError: it is empty, longer than 3 characters, or part of words.

    """
    separator = " " if text.strip().lower() == "space" else text.strip()
    if not 0 < len(separator) <= LONGEST_SEPARATOR or any(each.isalnum() for each in separator):
        raise ValueError(
            f"expected what separates the labels of a sample: one to three characters such as ; or |, or the"
            f" word space; found {text!r}"
        )
    return separator


def split_label_set(text: str, separator: str | None) -> tuple[str, ...]:
    """Return the classes in a set, each once and in its order; a list in brackets is a set, too.

    Without a separator only lists in brackets have several classes.
    """
    if text == NO_CLASS:
        return ()
    parts: Iterable[object] | None = read_list(text)
    if parts is None:
        parts = [text] if separator is None else text.split(separator)
    names = (format_label(part) for part in parts)
    return tuple({make_comparable(name): name for name in reversed([*names]) if name}.values())[::-1]


def read_list(text: str) -> list[object] | None:
    """Return the names and numbers that a text in brackets lists, in JSON or Python; None: it is no list."""
    cleaned = clean_text(text)
    if not (cleaned.startswith("[") and cleaned.endswith("]")):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(cleaned)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return found if isinstance(found, list) and all(_is_class(each) for each in found) else None
    return None


def _is_class(value: object) -> bool:
    """Return whether a value of a list names a class; escapes in it may stand for what no name has."""
    if isinstance(value, str):
        return CONTROL.search(value) is None
    return isinstance(value, int) and not isinstance(value, bool)


def write_label_set(names: Sequence[str], separator: str | None, *, like: str) -> str:
    """Return a set as text, written like another one: in brackets if that is, else with the separator.

    Without a separator it is a list in JSON.
    """
    if separator is None or read_list(like) is not None:
        in_python = "'" in like and separator is not None
        return repr([*names]) if in_python else json.dumps([*names], ensure_ascii=False)
    return f"{separator} ".join(names) if f"{separator} " in like else separator.join(names)


def write_list(names: Sequence[str], *, like: object, of_numbers: bool) -> list[object]:
    """Return a set as a list for JSON; what it shares with another list is written as there.

    Args:
        names: the classes.
        like: the list before, or the name of one class.
        of_numbers: whether the lists of the file hold numbers.

    """
    kept = {format_label(item): item for item in (like if isinstance(like, list) else [like])}
    return [
        kept.get(name, int(name) if of_numbers and name.lstrip("-").isdecimal() else name) for name in names
    ]


def have_numbers(texts: Iterable[str]) -> bool:
    """Return whether everything in these lists, of which there are some, is a whole number."""
    items = [item for text in texts for item in read_list(text) or ()]
    return bool(items) and all(isinstance(item, int) for item in items)


def list_members(class_names: Sequence[str], separator: str | None) -> list[str]:
    """Return the classes that occur in sets, each as it is first written."""
    found: dict[str, str] = {}
    for text in class_names:
        for name in split_label_set(text, separator):
            found.setdefault(make_comparable(name), name)
    return list(found.values())


def count_members(samples_of_set: Mapping[str, int], separator: str | None) -> list[tuple[str, int]]:
    """Return the most frequent classes with their numbers of samples, at most `MEMBERS_MAX`.

    Args:
        samples_of_set: by set, as text.
        separator: between the classes of a set; None: sets are lists in brackets.

    """
    names: dict[str, str] = {}
    samples: Counter[str] = Counter()
    for text, count in samples_of_set.items():
        for name in split_label_set(text, separator):
            samples[make_comparable(name)] += count
            names.setdefault(make_comparable(name), name)
    return [(names[key], count) for key, count in samples.most_common(MEMBERS_MAX)]


def summarise_sets(
    members: Sequence[tuple[str, int]], samples_of_set: Mapping[str, int], separator: str | None
) -> dict[str, Any]:
    """Return what is said of the labels of an upload, as JSON: its classes, and how many sets they make.

    Args:
        members: the classes with their numbers of samples, as `count_members` returns them.
        samples_of_set: by set, as text; two orders of the same classes are one set.
        separator: between the classes of a set; None: sets are lists in brackets.

    """
    different = {
        frozenset(make_comparable(name) for name in split_label_set(text, separator))
        for text, count in samples_of_set.items()
        if count
    }
    classes = [{"name": name, "spelled": None, "samples": count} for name, count in members[:MEMBERS_SHOWN]]
    return {"classes": classes, "class_count": len(members), "set_count": len(different)}


def has_member(text: str, separator: str | None, name: str) -> bool:
    """Return whether a class is in a set."""
    wanted = make_comparable(name)
    return any(make_comparable(each) == wanted for each in split_label_set(text, separator))


def find_separator(class_names: Sequence[str]) -> str | None:
    """Return what separates labels if these classes look like sets of a few classes; None: they do not."""
    for separator in SEPARATORS:
        sets = [text for text in class_names if len(split_label_set(text, separator)) > 1]
        if len(sets) < max(SETS_MIN, SETS_SHARE * len(class_names)):
            continue
        counts = Counter(
            make_comparable(name) for text in class_names for name in split_label_set(text, separator)
        )
        if len(counts) < len(class_names) and counts.total() >= TIMES_MIN * len(counts):
            return separator
    return None
