"""The boxes that annotation files name, collected by all readers and put into the order of their pictures."""

from __future__ import annotations

import itertools
import sys
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from models.reading.label_texts import make_comparable
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom."""
_NAME_MOST = 1_000
"""Characters that `make_printable` keeps of a name."""


@dataclass(kw_only=True)
class FoundBoxes:
    """Boxes in the order in which they were read [N]; the rows of all arrays belong together."""

    format: str
    is_share: bool
    """Whether corners are shares of the picture as it is shown; else pixels."""
    members: array[int] = field(default_factory=lambda: array("q"))
    """The picture, a member of the archive."""
    files: array[int] = field(default_factory=lambda: array("q"))
    """The annotation file, a member of the archive."""
    records: array[int] = field(default_factory=lambda: array("q"))
    """Number within its file: of the annotation, line or object."""
    given: array[int] = field(default_factory=lambda: array("i"))
    corners: array[float] = field(default_factory=lambda: array("d"))
    """4 for each box, as written."""
    stated: array[int] = field(default_factory=lambda: array("q"))
    """Width and height of the picture as the annotation states them; 0: it does not."""
    keys: Texts = field(default_factory=Texts)
    splits: list[str | None] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    """Entries that are no samples and stay as they are, by what they are."""
    listed: set[int] = field(default_factory=set)
    """Pictures that an annotation file names, with boxes or without."""

    def add(
        self,
        *,
        place: tuple[int, int, int],
        given: int,
        corners: Corners,
        stated: tuple[int, int],
        key: str,
        split: str | None,
    ) -> None:
        """Add a box; `place` is picture, file and record."""
        self.members.append(place[0])
        self.files.append(place[1])
        self.records.append(place[2])
        self.given.append(given)
        self.corners.extend(corners)
        self.stated.extend(stated)
        self.keys.append(key)
        self.splits.append(None if split is None else sys.intern(split))

    def order(self) -> NDArray[np.int64]:
        """Return the rows by picture, file and record, without those that another file repeats.

        So each picture is read once. COCO has the same boxes in files for different tasks.
        """
        members, files, records = (
            np.frombuffer(each, dtype=np.int64) for each in (self.members, self.files, self.records)
        )
        order = np.lexsort((records, files, members))
        if len(np.unique(files[:1])) == len(np.unique(files)):
            return order
        corners = np.frombuffer(self.corners, dtype=np.float64).reshape(-1, 4)
        given = np.frombuffer(self.given, dtype=np.int32)
        alike = np.lexsort((records, files, given, *corners.T, members))
        same = (np.diff(members[alike]) == 0) & (np.diff(given[alike]) == 0)
        same &= (np.diff(corners[alike], axis=0) == 0).all(axis=1)
        starts = np.concatenate([[True], ~same])
        first_file = files[alike][np.maximum.accumulate(np.where(starts, np.arange(len(alike)), 0))]
        repeated = np.zeros(len(members), dtype=np.bool_)
        repeated[alike] = files[alike] != first_file
        self.left["boxes that another file repeats"] += int(repeated.sum())
        return order[~repeated[order]]


def note_left(found: FoundBoxes, ingestion: Ingestion) -> None:
    """Note the entries that are no samples."""
    for words, count in found.left.items():
        if count:
            ingestion.understood.note(
                "annotations_not_audited", f"{count} {words} are not audited; a cleaned dataset keeps them"
            )


class DistinctNames:
    """Names of classes of which no two are alike, as `Vocabulary` compares them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._counts = Counter(map(make_comparable, names))
        self._taken = set(self._counts)

    def make(self, name: str, identifier: str) -> str:
        """Return one of the names, with the identifier behind it if it occurs several times."""
        return name if self._counts[make_comparable(name)] == 1 else self._number(name, identifier)

    def add(self, name: str, identifier: str) -> str:
        """Return a further name, with the identifier behind it if another class has it."""
        if make_comparable(name) in self._taken:
            return self._number(name, identifier)
        self._taken.add(make_comparable(name))
        return name

    def _number(self, name: str, identifier: str) -> str:
        """Return a name with the identifier behind it, numbered on until nothing else has this name."""
        for again in itertools.count(1):
            end = make_printable(f" ({identifier})" if again == 1 else f" ({identifier}, {again})")
            made = name[: _NAME_MOST - len(end)] + end
            if make_comparable(made) not in self._taken:
                break
        self._taken.add(make_comparable(made))
        return made


def number_alike(names: Sequence[str], identifiers: Sequence[str]) -> list[str]:
    """Return names of classes, with the identifier behind those that occur several times."""
    distinct = DistinctNames(names)
    return [distinct.make(name, identifier) for name, identifier in zip(names, identifiers, strict=True)]
