"""Where the class is in a path, and what lies in the first folders."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class ClassLevel:
    """Where a path below the root has its class."""

    level: int
    """Index of the class folder among the folders below the root."""
    has_splits: bool
    """The first folder is a split."""
    ignored: frozenset[str] = frozenset()
    """First folders whose pictures have no class."""


@dataclass(kw_only=True)
class FolderContent:
    """What lies in one of the first folders."""

    below: set[str]
    """Names of its folders."""
    has_pictures: bool = False
    """Directly in it."""


def list_folders(paths: Iterable[str]) -> dict[str, FolderContent]:
    """Return what lies in each of the first folders of paths below the root."""
    folders: dict[str, FolderContent] = defaultdict(lambda: FolderContent(below=set()))
    for parts in (path.split("/") for path in paths):
        if len(parts) == 2:  # noqa: PLR2004 - folder and picture
            folders[parts[0]].has_pictures = True
        elif len(parts) > 2:  # noqa: PLR2004 - a folder in the folder
            folders[parts[0]].below.add(parts[1])
    return folders
