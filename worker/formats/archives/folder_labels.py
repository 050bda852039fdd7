"""The classes that folders give to pictures, beside a table or list."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from worker.formats.archives.class_level import ClassLevel, find_class_level
from worker.formats.archives.member_names import OTHER_SUFFIXES, get_suffix
from worker.formats.shared.problems import IngestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.shared.sample import Ingestion


class FolderLabels:
    """The class folder of each picture below the root; None where there is none."""

    def __init__(self, index: MemberIndex, ingestion: Ingestion) -> None:
        self.index, self.ingestion = index, ingestion

    @cached_property
    def level(self) -> ClassLevel | None:
        """Return where paths have their class; None if the folders hold no classes."""
        try:
            return find_class_level(self._list_paths(), self.ingestion)
        except IngestError:
            return None

    def _list_paths(self) -> list[str]:
        names = self.index.archive.names
        keys = (
            self.index.get_key(at) for at, name in enumerate(names) if get_suffix(name) not in OTHER_SUFFIXES
        )
        return [key for key in keys if "/" in key]

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
        return len({folder for path in self._list_paths() if (folder := self.find(path)) is not None})


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
