"""Which level of folders holds the classes, which folders are splits, and the class of each picture."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from worker.formats.archives.member_names import OTHER_SUFFIXES, get_suffix
from worker.formats.archives.split_names import is_split_name, is_unlabelled_name
from worker.formats.layouts.class_levels import ClassLevel, FolderContent, list_folders
from worker.formats.layouts.wrapper_folders import (
    leave_out_bare_splits,
    leave_out_copies,
    list_affixed_splits,
    list_split_classes,
    note_uneven_splits,
    note_wrappers,
)
from worker.formats.shared.columns import quote_names
from worker.formats.shared.compact_texts import TextSelection
from worker.formats.shared.problems import IngestError
from worker.formats.shared.understanding import Understanding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.shared.sample import Ingestion

_LEAST_SHARED = 2
"""Folders of the same names that make the level above them look like splits."""
_LEVELS_MAX = 4


def find_class_level(paths: Sequence[str], ingestion: Ingestion) -> ClassLevel:
    """Find the class folder in paths below the root; what is guessed is noted.

    The paths are split again in each walk: as lists, those of a million pictures would take 180 MB.

    Raises:
        IngestError: the folders are named as splits and have no class folders.

    """
    chosen = ingestion.options.class_folder
    if chosen is not None:
        return ClassLevel(level=chosen - 1, has_splits=chosen > 1)
    folders = list_folders(paths)
    found = _choose_level(folders, ingestion)
    if found.has_splits:
        found = leave_out_bare_splits(paths, _skip_repeated(paths, found), ingestion.understood)
        splits = ", ".join(sorted(set(folders) - found.ignored))
        ingestion.understood.note(
            "splits_found",
            f"the folders {splits} were taken as splits, the folders in them as classes",
            option="class_folder",
        )
        note_uneven_splits(paths, found, ingestion.understood)
    else:
        found = leave_out_copies(folders, found, ingestion.understood)
    note_wrappers(paths, found, ingestion.understood)
    return found


def _choose_level(folders: dict[str, FolderContent], ingestion: Ingestion) -> ClassLevel:
    named = {name for name in folders if is_split_name(name)} or list_affixed_splits(folders)
    deep = {name for name in named if folders[name].below}
    others = set(folders) - named
    if named and not deep:
        if not others:
            raise IngestError(
                "splits_without_classes",
                f"expected class folders; found that {quote_names(sorted(named))} look like splits "
                "and hold pictures directly (put the pictures into class folders, or add a table of labels; "
                "if these are the classes, upload with class_folder=1)",
            )
        return _note_class_names(sorted(named), ingestion)
    if not named:
        _note_repeated(folders, ingestion)
        return ClassLevel(level=0, has_splits=False)
    below = set().union(*(folders[name].below for name in deep))
    alike = {name for name in others if folders[name].below & below}
    rest = others - alike
    if any(not _has_no_classes(name, folders[name], len(rest)) for name in rest):
        return _note_class_names(sorted(named), ingestion)
    ignored = rest | {name for name in named if not folders[name].below}
    for name in sorted(ignored):
        ingestion.understood.note(
            "folder_ignored",
            f"the pictures in {name!r} were left out: the folder has no class folders beside splits that do",
            option="class_folder",
        )
    return ClassLevel(level=1, has_splits=True, ignored=frozenset(ignored))


def _has_no_classes(name: str, folder: FolderContent, count: int) -> bool:
    """Return whether a folder beside splits holds pictures without labels."""
    return is_unlabelled_name(name) or (count == 1 and not folder.below)


def _note_class_names(named: list[str], ingestion: Ingestion) -> ClassLevel:
    ingestion.understood.note(
        "split_as_class",
        f"{quote_names(named)} could be a split, but lies beside class folders and was taken as a class",
        option="class_folder",
    )
    return ClassLevel(level=0, has_splits=False)


def _note_repeated(folders: dict[str, FolderContent], ingestion: Ingestion) -> None:
    """Note that all classes hold folders of the same names: these may be the classes."""
    if len(folders) < _LEAST_SHARED or any(folder.has_pictures for folder in folders.values()):
        return
    shared = set.intersection(*(folder.below for folder in folders.values()))
    if len(shared) >= _LEAST_SHARED:
        ingestion.understood.note(
            "classes_look_like_splits",
            "your classes look like splits: all pictures lie one level deeper, in folders that each has "
            f"({quote_names(sorted(shared)[:5])}); if those are the classes, upload with class_folder=2",
            option="class_folder",
        )


def _skip_repeated(paths: Sequence[str], found: ClassLevel) -> ClassLevel:
    """Go deeper while each split holds a single folder named as a split or as itself: seg_train/seg_train."""
    level = found.level
    while level < _LEVELS_MAX:
        below = list_split_classes(paths, replace(found, level=level))
        single = all(
            len(names) == 1 and (is_split_name(name := next(iter(names))) or name == split)
            for split, names in below.items()
        )
        if not single:
            break
        level += 1
    return ClassLevel(level=level, has_splits=True, ignored=found.ignored)


def describe_level(level: int, root: str) -> str:
    """Return which folder is the class, for people."""
    return f"the folder at level {level + 1} below {repr(root) if root else 'the top of the upload'}"


class FolderLabels:
    """The class folder of each picture below the root; None where there is none.

    Nothing is noted of folders before `note_level`: a table may give the labels instead.
    """

    def __init__(self, index: MemberIndex, ingestion: Ingestion) -> None:
        self.index, self.understood = index, ingestion.understood
        self.ingestion = replace(ingestion, understood=Understanding())

    @cached_property
    def level(self) -> ClassLevel | None:
        """Return where paths have their class; None if the folders hold no classes."""
        try:
            return find_class_level(self._paths, self.ingestion)
        except IngestError:
            return None

    def note_level(self) -> None:
        """Note how the folders were read, as they give the labels."""
        if self.level is not None:
            self.understood.take_notes(self.ingestion.understood)

    @cached_property
    def _paths(self) -> Sequence[str]:
        """Return the paths of pictures in folders below the root."""
        return select_paths(self.index.archive.names, self.index.root)

    def find(self, path: str) -> str | None:
        """Return the class folder of a picture."""
        folders = path.split("/")[:-1]
        if self.level is None or len(folders) <= self.level.level or folders[0] in self.level.ignored:
            return None
        return folders[self.level.level]

    def find_split(self, path: str) -> str | None:
        """Return the split folder of a picture."""
        has_split = self.level is not None and self.level.has_splits and "/" in path
        return path.split("/", 1)[0] if has_split else None

    @cached_property
    def count(self) -> int:
        """Return the number of class folders."""
        return len({folder for path in self._paths if (folder := self.find(path)) is not None})


def select_paths(names: Sequence[str], root: str) -> TextSelection:
    """Return the paths of pictures in folders below a root, counted from it."""
    rows = (
        row
        for row, name in enumerate(names)
        if get_suffix(name) not in OTHER_SUFFIXES and name.startswith(root) and "/" in name[len(root) :]
    )
    return TextSelection(names, np.fromiter(rows, np.int64), start=len(root))


def match_folders(pairs: Mapping[tuple[str, str], int]) -> dict[str, str] | None:
    """Return the folder of each numbered label, if each has its own; None otherwise.

    Args:
        pairs: how many pictures have this label and lie in this folder.

    """
    folder_of: dict[str, str] = {}
    for label, folder in pairs:
        if not label.lstrip("+-").isdecimal() or folder_of.setdefault(label, folder) != folder:
            return None
    is_one_to_one = len(set(folder_of.values())) == len(folder_of) > 1
    return folder_of if is_one_to_one else None
