"""Members of an archive by the paths that tables and lists write."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from models.reading.label_texts import make_comparable
from worker.formats.archives.member_names import OTHER_SUFFIXES, find_common_root, get_suffix
from worker.formats.shared.compact_texts import Finder, Texts, count_repeated

if TYPE_CHECKING:
    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion


class MemberIndex:
    """Finds the member that a table or list means."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.root = find_common_root(archive.names)
        self._finder = Finder(archive.names)
        self._noted: set[str] = set()

    def find(self, path: str, folder: str, ingestion: Ingestion | None = None) -> int | None:
        """Find a member: relative to the table's folder, the root or the top; else by its look or file name.

        With `ingestion`, every way but the first is noted.
        """
        path = _straighten(path)
        if not path:
            return None
        found = self._finder.find(folder + path, self.root + path, path)
        if found is not None:
            return found
        for code, text, find in (
            (
                "names_compared",
                "paths match file names only in another Unicode form",
                partial(self._find_alike, path, folder),
            ),
            (
                "found_by_name",
                "paths of other folders were matched by file name alone",
                partial(self._find_base, path),
            ),
            (
                "found_by_stem",
                "names without an ending were matched to pictures",
                partial(self._find_stem, path),
            ),
        ):
            if (member := find()) is not None:
                if ingestion is not None and code not in self._noted:
                    self._noted.add(code)
                    ingestion.understood.note(code, f"{text}, such as {path!r}")
                return member
        return None

    def get_key(self, member: int) -> str:
        """Return the path of a member below the root."""
        return self.archive.names[member][len(self.root) :]

    def _find_alike(self, path: str, folder: str) -> int | None:
        return self._alike.find(*(make_comparable(name) for name in (folder + path, self.root + path, path)))

    def _find_base(self, path: str) -> int | None:
        base = make_comparable(path.rsplit("/", 1)[-1])
        return None if base in self._repeated_bases else self._bases.find(base)

    def _find_stem(self, path: str) -> int | None:
        base = make_comparable(path.rsplit("/", 1)[-1])
        member = None if base in self._repeated_stems else self._stems.find(base)
        is_picture = member is not None and get_suffix(self.archive.names[member]) not in OTHER_SUFFIXES
        return member if is_picture else None

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


def find_folder(name: str) -> str:
    """Return the folder of a member with its trailing "/"; "" at the top."""
    return name[: len(name) - len(name.rpartition("/")[2])]
