"""What differs between a dataset's list of files and its place as it is now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from app.places.file_lists import get_file
from app.places.originals import PlacedOriginals
from app.places.place_types import LINK, OriginalChanged, OriginalGone, Place, PlacedFile
from app.places.web_place import WebPlace
from app.tables import Json

EXAMPLES = 20
"""Names that are listed of each kind of difference."""


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Names of files that differ."""

    new: list[str]
    changed: list[str]
    gone: list[str]
    unchanged: int

    @property
    def is_empty(self) -> bool:
        """Return whether nothing differs."""
        return not (self.new or self.changed or self.gone)

    def describe(self) -> Json:
        """Return counts and first names as JSON."""
        kinds = ("new", "changed", "gone")
        return {
            "checked_at": datetime.now(UTC).isoformat(),
            **{kind: len(getattr(self, kind)) for kind in kinds},
            "unchanged": self.unchanged,
            "examples": {kind: getattr(self, kind)[:EXAMPLES] for kind in kinds},
        }


def compare_place(originals: PlacedOriginals) -> Differences:
    """Compare a place with a list of its files.

    A file has changed if its length or its tag has (time of change, ETag) and its bytes are others than
    before; the bytes decide, so that files that were only touched or copied anew do not count.

    Raises:
        ApiError: the place cannot be listed.

    """
    known = {name: each for name, each in _index(originals.table).items() if each[2] != LINK}
    new, changed, unchanged = [], [], 0
    for file in list_now(originals.place):
        if file.is_link:
            continue
        before = known.pop(file.name, None)
        if before is None:
            new.append(file.shown_name)
        elif _is_same(originals, file, before):
            unchanged += 1
        else:
            changed.append(file.shown_name)
    return Differences(
        new=new,
        changed=changed,
        gone=[get_file(originals.table, row).shown_name for _, (row, _, _) in sorted(known.items())],
        unchanged=unchanged,
    )


def list_now(place: Place) -> Iterable[PlacedFile]:
    """Yield the files of a place with their fingerprints."""
    files = iter(place.list_files())
    return place.inspect_all(files) if isinstance(place, WebPlace) else files


def _index(table: pa.Table) -> dict[str, tuple[int, int | None, str | None]]:
    """Return row, length and tag by name."""
    columns = (table[name].to_pylist() for name in ("name", "size", "tag"))
    return {name: (row, size, tag) for row, (name, size, tag) in enumerate(zip(*columns, strict=True))}


def _is_same(originals: PlacedOriginals, now: PlacedFile, before: tuple[int, int | None, str | None]) -> bool:
    row, size, tag = before
    if now.tag is not None and (now.size, now.tag) == (size, tag):
        return True
    if now.tag is None and originals.table["sha256"][row].as_py() is None:
        return True  # it could not be read then either, which is listed among the dataset's problems
    if now.size is not None and size is not None and now.size != size:
        return False
    try:
        originals.read_row(row)
    except (OriginalChanged, OriginalGone):
        return False
    return True
