"""Members of an archive by the paths that tables and lists write."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from os.path import commonpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from models.reading.label_texts import make_comparable
from worker.formats.archives.member_names import (
    OTHER_SUFFIXES,
    PICTURE_SUFFIXES,
    find_common_root,
    get_suffix,
    select_nested,
)
from worker.formats.archives.split_names import find_split
from worker.formats.shared.compact_texts import Finder, Texts, count_repeated
from worker.formats.shared.problems import make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion


class MatchKind(IntEnum):
    """How a path of a table was matched to a member, the surest first."""

    PATH = 0
    ALIKE = 1
    TABLE_FOLDER = 2
    NAME = 3
    STEM = 4
    TABLE_FOLDER_STEM = 5


KIND_TEXTS = {
    MatchKind.PATH: "by path",
    MatchKind.ALIKE: "by path in another Unicode form",
    MatchKind.TABLE_FOLDER: "in the folder named like the table",
    MatchKind.NAME: "by file name",
    MatchKind.STEM: "by file name without its ending",
    MatchKind.TABLE_FOLDER_STEM: "by file name without its ending, in the folder named like the table",
}
_NOTES = {
    MatchKind.ALIKE: ("names_compared", "paths match file names only in another Unicode form"),
    MatchKind.TABLE_FOLDER: ("found_by_table", "paths were looked for in the folder named like their table"),
    MatchKind.NAME: ("found_by_name", "paths of other folders were matched by file name alone"),
    MatchKind.STEM: ("found_by_stem", "names without an ending were matched to pictures"),
    MatchKind.TABLE_FOLDER_STEM: (
        "found_by_table",
        "names without an ending were looked for in the folder named like their table",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Match:
    """A member that a path means."""

    member: int
    kind: MatchKind


class MemberIndex:
    """Finds the member that a table or list means."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.root = find_common_root(archive.names)
        self._finder = Finder(archive.names)
        self._noted: set[MatchKind] = set()
        self._table_folders: dict[str, str] = {}

    def find(self, path: str, table: str, ingestion: Ingestion | None = None) -> int | None:
        """Find the member that a table means by a path.

        With `ingestion`, every way but the first is noted.
        """
        match = self.match(path, table)
        if match is None:
            return None
        if ingestion is not None and match.kind in _NOTES and match.kind not in self._noted:
            self._noted.add(match.kind)
            code, text = _NOTES[match.kind]
            ingestion.understood.note(code, f"{text}, such as {_straighten(path)!r}")
        return match.member

    def match(self, path: str, table: str) -> Match | None:
        """Match a path: relative to the table's folder, the root or the top; else by its look or file name.

        Args:
            path: as the table or list writes it.
            table: the name of the table or list.

        """
        path = _straighten(path)
        if not path:
            return None
        folder = find_folder(table)
        found = self._finder.find(folder + path, self.root + path, path)
        if found is not None:
            return Match(member=found, kind=MatchKind.PATH)
        for kind, find in (
            (MatchKind.ALIKE, self._find_alike),
            (MatchKind.TABLE_FOLDER, self._find_in_table_folder),
            (MatchKind.NAME, self._find_base),
            (MatchKind.STEM, self._find_stem),
            (MatchKind.TABLE_FOLDER_STEM, self._find_table_stem),
        ):
            if (member := find(path, table)) is not None:
                return Match(member=member, kind=kind)
        return None

    def describe_missing(self, path: str) -> str:
        """Return why no member was found for a path: several have its name, or one is named almost alike."""
        base = make_comparable(_straighten(path).rsplit("/", 1)[-1])
        near = self._near.find(_simplify(_straighten(path)))
        if near is None:
            return "expected the listed picture in the archive; found no such file"
        shown = make_printable(self.archive.names[near])[:200]
        if base in self._repeated_bases or base in self._repeated_stems:
            return (
                f"expected one picture of this name in the archive; found several, such as {shown!r} "
                "(write the path with its folder)"
            )
        return (
            f"expected the listed picture in the archive; found no such file, but {shown!r} (names must be "
            "equal in capitals and ending, and without codes such as %20)"
        )

    def is_repeated(self, path: str) -> bool:
        """Return whether several members have the file name of a path, with or without ending."""
        base = make_comparable(_straighten(path).rsplit("/", 1)[-1])
        return base in self._repeated_bases or base in self._repeated_stems

    def get_key(self, member: int) -> str:
        """Return the path of a member below the root."""
        return self.archive.names[member][len(self.root) :]

    def _find_alike(self, path: str, table: str) -> int | None:
        places = (find_folder(table) + path, self.root + path, path)
        return self._alike.find(*(make_comparable(name) for name in places))

    def _find_in_table_folder(self, path: str, table: str) -> int | None:
        """Find a picture of a name that occurs in several folders, such as train/1.png and test/1.png."""
        folder = self._get_table_folder(path, table)
        return self._finder.find(folder + path) if folder else None

    def _find_table_stem(self, path: str, table: str) -> int | None:
        folder = self._get_table_folder(path, table)
        places = [f"{folder}{path}{ending}" for ending in self._picture_endings] if folder else []
        found = [member for place in places if (member := self._finder.find(place)) is not None]
        return found[0] if len(found) == 1 else None

    def _get_table_folder(self, path: str, table: str) -> str:
        """Return the folder that is named like a table, for a path whose file name is not the only one."""
        if not self.is_repeated(path):
            return ""
        if table not in self._table_folders:
            self._table_folders[table] = self._find_table_folder(table)
        return self._table_folders[table]

    def _find_table_folder(self, table: str) -> str:
        """Return the folder beside a table that is named like it or has its split's name; "" if none is."""
        for place in dict.fromkeys((find_folder(table), self.root)):
            folders = {name[len(place) :].split("/", 1)[0] for name in select_nested(self._names, place)}
            stem, split = table.rsplit("/", 1)[-1].rpartition(".")[0], find_split(table)
            named = [folder for folder in folders if folder.lower() == stem.lower()]
            found = named or [folder for folder in folders if split and find_split(folder) == split]
            if len(found) == 1:
                inside = [name for name in self._names if name.startswith(f"{place}{found[0]}/")]
                return commonpath([find_folder(name) for name in inside]) + "/"
        return ""

    def _find_base(self, path: str, _table: str) -> int | None:
        base = make_comparable(path.rsplit("/", 1)[-1])
        return None if base in self._repeated_bases else self._bases.find(base)

    def _find_stem(self, path: str, _table: str) -> int | None:
        base = make_comparable(path.rsplit("/", 1)[-1])
        member = None if base in self._repeated_stems else self._stems.find(base)
        is_picture = member is not None and get_suffix(self.archive.names[member]) not in OTHER_SUFFIXES
        return member if is_picture else None

    @property
    def _names(self) -> Sequence[str]:
        return self.archive.names

    @cached_property
    def _picture_endings(self) -> frozenset[str]:
        """Return the endings of all pictures as written, with their dots."""
        pictures = (name for name in self._names if get_suffix(name) in PICTURE_SUFFIXES)
        return frozenset("." + name.rpartition(".")[2] for name in pictures)

    @cached_property
    def _near(self) -> Finder:
        """Return the index of pictures by names without case, ending and codes; others are blank."""
        return Finder(
            Texts("" if get_suffix(name) in OTHER_SUFFIXES else _simplify(name) for name in self._names)
        )

    @cached_property
    def _alike(self) -> Finder:
        return Finder(Texts(map(make_comparable, self.archive.names)))

    @cached_property
    def _base_texts(self) -> Texts:
        return Texts(make_comparable(name.rsplit("/", 1)[-1]) for name in self.archive.names)

    @cached_property
    def _bases(self) -> Finder:
        return Finder(self._base_texts)

    @cached_property
    def _repeated_bases(self) -> frozenset[str]:
        return frozenset(count_repeated(self._base_texts))

    @cached_property
    def _stem_texts(self) -> Texts:
        return Texts(
            name.rpartition(".")[0] if get_suffix(name) not in OTHER_SUFFIXES else ""
            for name in self._base_texts
        )

    @cached_property
    def _stems(self) -> Finder:
        return Finder(self._stem_texts)

    @cached_property
    def _repeated_stems(self) -> frozenset[str]:
        return frozenset(count_repeated(self._stem_texts))


def _straighten(path: str) -> str:
    """Return a path as archives write it."""
    path = path.strip().replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    return path.lstrip("/")


def _simplify(path: str) -> str:
    """Return a file name without what people and programs change: case, ending, codes such as %20."""
    base = unquote(path).rsplit("/", 1)[-1]
    return make_comparable(base.rpartition(".")[0] or base).casefold()


def find_folder(name: str) -> str:
    """Return the folder of a member with its trailing "/"; "" at the top."""
    return name[: len(name) - len(name.rpartition("/")[2])]
