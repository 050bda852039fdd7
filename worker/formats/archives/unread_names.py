"""What is said of the names in an archive: unknown encodings, and hidden folders that hold pictures."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from models.reading.archive_names import is_litter
from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.shared.columns import quote_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.formats.shared.understanding import Understanding

_SHOWN = 5
_THUMBNAILS = frozenset(("__MACOSX", "@eaDir", "@tmp", ".thumbnails", ".ipynb_checkpoints"))
"""Folders of copies that no person made."""
_CLASS_LISTS = re.compile(
    r"([\w-]*[_-])?(class(es)?(_?names)?|mapping|label_?(names|map)|names)\.(txt|csv|json|names)"
)
"""Files that name numbered classes, such as classes.txt and emnist-balanced-mapping.txt."""


class NameLog:
    """Counts the names that are not read as they are, and notes them at the end."""

    def __init__(self) -> None:
        self._hidden: Counter[str] = Counter()
        self._unknown: list[str] = []
        self._unknown_count = 0

    def add_hidden(self, name: str) -> None:
        """Count a picture in a hidden folder."""
        *folders, base = name.split("/")
        hidden = next((folder for folder in folders if is_litter(f"{folder}/")), None)
        is_picture = get_suffix(name) in PICTURE_SUFFIXES and not base.startswith(".")
        if is_picture and hidden is not None and _THUMBNAILS.isdisjoint(folders):
            self._hidden[hidden] += 1

    def add_unknown(self, name: str) -> None:
        """Count a name whose bytes are no UTF-8."""
        self._unknown_count += 1
        if len(self._unknown) < _SHOWN:
            self._unknown.append(name)

    def write(self, understood: Understanding) -> None:
        """Note what was counted."""
        for folder, count in self._hidden.most_common(_SHOWN):
            understood.note(
                "hidden_folder",
                f"{count} pictures in {folder!r} were left out: hidden folders are not read (if this is "
                "a class, rename it)",
            )
        if self._unknown_count:
            understood.note(
                "names_in_unknown_encoding",
                f"{self._unknown_count} names in the archive are not in UTF-8, their encoding is not known: "
                f"they were read as {quote_names(self._unknown)} (pack the files again with names in UTF-8)",
            )


def note_class_lists(names: Sequence[str], class_names: Sequence[str], understood: Understanding) -> None:
    """Note the files that seem to name classes which are numbers; they are not read."""
    lists = [name for name in names if _CLASS_LISTS.fullmatch(name.rsplit("/", 1)[-1].lower())]
    if lists and class_names and all(name.isascii() and name.isdecimal() for name in class_names):
        understood.note(
            "class_names_not_used",
            f"the classes are numbers; {quote_names(lists[:_SHOWN])} may name them and was not used",
        )
