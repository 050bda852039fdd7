"""Pictures that tables or lists name, in the order of these."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.archives.member_names import OTHER_SUFFIXES, get_suffix
from worker.formats.shared.columns import quote_names
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.sample import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ListedPictures:
    """Members of an archive that are samples, in their order [N], with their columns."""

    format: str
    members: NDArray[np.int64]
    columns: Columns
    records: NDArray[np.int64] | None = None
    """Number of the record that names each, over all tables or lists; None if nothing does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedRow:
    """One record of a table or list: a picture and its label codes."""

    member: int
    key: str
    given: int
    true: int
    split: str | None
    record: int


def describe_table(
    archive: Archive, member: int, *, original: bool, start: int, count: int, **facts: object
) -> dict[str, Any]:
    """Return where a table or list stands in the upload, for exports that write it again."""
    place: dict[str, Any] = {}
    if original:
        locations = archive.find_locations(np.array([member]))
        place = {
            "offset": int(locations.offsets[0]),
            "length": int(locations.lengths[0]),
            "method": int(locations.methods[0]),
        }
    return {"name": archive.names[member], "start": start, "count": count, **place, **facts}


@dataclass(kw_only=True)
class _Repeats:
    """Rows whose picture another row has named before."""

    count: int = 0
    others: int = 0
    """Those with another label."""
    first: str = ""

    def add(self, key: str, *, is_other: bool) -> None:
        self.first = self.first or key
        self.count += 1
        self.others += is_other

    def note(self, tables: Sequence[str], ingestion: Ingestion) -> None:
        if self.count:
            order = f"; they were read in the order {quote_names(tables)}" if len(tables) > 1 else ""
            ingestion.understood.note(
                "listed_twice",
                f"{self.count} rows name a picture again, such as {self.first!r}, {self.others} of them with "
                f"another label: the first row counts{order}",
            )


def _log_unlisted(
    archive: Archive, listed: bytearray, tables: Sequence[int], ingestion: Ingestion, *, has_folders: bool
) -> None:
    """Log the pictures that no row names, and note how many they are."""
    count, first = 0, ""
    for member, name in enumerate(archive.names):
        if not listed[member] and member not in tables and get_suffix(name) not in OTHER_SUFFIXES:
            count, first = count + 1, first or name
            ingestion.problems.add(
                name, "not_listed", "expected a row for each picture; found none for this one"
            )
    if count:
        shown = quote_names([archive.names[member] for member in tables[:_SHOWN]])
        hint = "; format=class_folders takes all, with the folders as classes" if has_folders else ""
        ingestion.understood.note(
            "pictures_not_listed",
            f"{count} pictures were left out, such as {first!r}: no row of {shown} names them{hint}",
            option="format" if has_folders else None,
        )


def collect_pictures(
    format_name: str,
    rows: Iterator[ListedRow],
    archive: Archive,
    tables: Sequence[int],
    ingestion: Ingestion,
    *,
    has_folders: bool,
) -> ListedPictures:
    """Collect the columns of the rows; pictures with several rows or none are logged, and noted once.

    `has_folders`: folders could give the labels instead.
    """
    listed = bytearray(len(archive.names))
    first_label = array("i", bytes(4 * len(archive.names)))
    again = _Repeats()
    members, given, true, records = array("q"), array("i"), array("i"), array("q")
    keys = Texts()
    splits: list[str | None] = []
    for row in rows:
        if listed[row.member]:
            ingestion.problems.add(
                row.key, "listed_twice", "expected one row for each picture; found another (the first counts)"
            )
            again.add(row.key, is_other=row.given != first_label[row.member])
            continue
        listed[row.member] = True
        first_label[row.member] = row.given
        members.append(row.member)
        given.append(row.given)
        true.append(row.true)
        records.append(row.record)
        keys.append(row.key)
        splits.append(row.split)
    again.note([archive.names[member] for member in tables], ingestion)
    _log_unlisted(archive, listed, tables, ingestion, has_folders=has_folders)
    true_codes = np.frombuffer(true, dtype=np.int32)
    return ListedPictures(
        format=format_name,
        members=np.frombuffer(members, dtype=np.int64),
        columns=Columns(
            given=np.frombuffer(given, dtype=np.int32),
            true=true_codes if bool((true_codes != MISSING).any()) else None,
            keys=keys,
            splits=splits if any(splits) else None,
        ),
        records=np.frombuffer(records, dtype=np.int64),
    )
