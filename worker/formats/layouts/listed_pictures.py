"""Pictures that tables or lists name, in the order of these."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.archives.member_names import OTHER_SUFFIXES, get_suffix
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.sample import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion


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


def collect_pictures(
    format_name: str,
    rows: Iterator[ListedRow],
    archive: Archive,
    tables: Sequence[int],
    ingestion: Ingestion,
) -> ListedPictures:
    """Collect the columns of the rows; pictures with several rows or none are logged."""
    listed = bytearray(len(archive.names))
    members, given, true, records = array("q"), array("i"), array("i"), array("q")
    keys = Texts()
    splits: list[str | None] = []
    for row in rows:
        if listed[row.member]:
            ingestion.problems.add(
                row.key, "listed_twice", "expected one row for each picture; found another (the first counts)"
            )
            continue
        listed[row.member] = True
        members.append(row.member)
        given.append(row.given)
        true.append(row.true)
        records.append(row.record)
        keys.append(row.key)
        splits.append(row.split)
    for member, name in enumerate(archive.names):
        if not listed[member] and member not in tables and get_suffix(name) not in OTHER_SUFFIXES:
            ingestion.problems.add(
                name, "not_listed", "expected a row for each picture; found none for this one"
            )
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
