"""Which column of a table names the pictures of an archive, and how its values were matched."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from models.reading.column_names import list_by_name
from models.reading.text_encodings import TableError
from worker.formats.archives.member_index import MatchKind
from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.shared.class_columns import list_present
from worker.formats.shared.columns import FILE_NAMES
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.reading.record_tables import TextTable
    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.shared.upload_limits import IngestOptions

_PEEKED = 100
_LEAST_VALUES = 10
"""Fewer values than samples are needed may be pictures by chance, such as 0 and 1 beside 0.png and 1.png."""

_REPEATS = 2
"""A column may be a label without being named so only if its values repeat this often on average."""


@dataclass(frozen=True, kw_only=True)
class ColumnMatch:
    """How the first values of a column name pictures."""

    name: str
    is_usual: bool
    """Named as a column of file names."""
    values: Sequence[str]
    """Those that are not blank."""
    members: Sequence[int | None]
    """The picture of each value."""
    kind: MatchKind
    """What more than half of the values reach, or a surer kind."""

    @property
    def is_found(self) -> bool:
        """Return whether more than half of the values name pictures, and enough of them."""
        hits = sum(member is not None for member in self.members)
        return 2 * hits > len(self.values) and (self.is_usual or len(self.values) >= _LEAST_VALUES)

    @property
    def is_counter(self) -> bool:
        """Return whether the values are plain numbers and were matched without an ending."""
        return self.kind >= MatchKind.STEM and all(value.isdecimal() for value in self.values)

    @property
    def has_pictures_names(self) -> bool:
        """Return whether most values end as pictures do."""
        return 2 * sum(get_suffix(value) in PICTURE_SUFFIXES for value in self.values) > len(self.values)

    @property
    def rank(self) -> tuple[int, bool, bool, int]:
        """Return what orders columns: the surest kind, no counters, usual names, most pictures."""
        return (self.kind, self.is_counter, self.is_counter and not self.is_usual, -self.picture_count)

    @property
    def picture_count(self) -> int:
        """Return how many different pictures the values name."""
        return len(set(self.members) - {None})


def match_columns(
    index: MemberIndex, table_name: str, table: TextTable, options: IngestOptions
) -> list[ColumnMatch]:
    """Match the first 100 values of each column, those with usual names first.

    Columns that an option excludes or uses for something else name no pictures.
    """
    records = _peek(table)
    chosen = (options.label_column, options.truth_column, options.split_column, *options.exclude_columns)
    classes = list_present(table.columns, options.class_columns)
    columns = [name for name in table.columns if name not in (*chosen, *classes)]
    usual = list_by_name(columns, FILE_NAMES)
    ordered = dict.fromkeys([*usual, *columns])
    return [
        _match_values(
            index, table_name, name, [str(cells.get(name) or "") for cells in records], is_usual=name in usual
        )
        for name in ordered
    ]


def _peek(table: TextTable) -> list[dict[str, Any]]:
    """Return the first 100 records; none if the table cannot be parsed."""
    try:
        return [record.cells for record in islice(table.read(), _PEEKED) if record.cells]
    except TableError:
        return []


def _match_values(
    index: MemberIndex, table_name: str, column: str, cells: Sequence[str], *, is_usual: bool
) -> ColumnMatch:
    values = [cell.strip() for cell in cells if cell.strip()]
    matches = [index.match(value, table_name) for value in values]
    kinds = Counter(match.kind for match in matches if match is not None)
    reached = 0
    kind = max(MatchKind)
    for kind in sorted(MatchKind):
        reached += kinds[kind]
        if 2 * reached > len(values):
            break
    return ColumnMatch(
        name=column,
        is_usual=is_usual,
        values=values,
        members=[None if match is None else match.member for match in matches],
        kind=kind,
    )


def choose_file_column(matches: Sequence[ColumnMatch]) -> ColumnMatch | None:
    """Return the column that names the pictures most surely; None if none names most of them.

    Raises:
        IngestError: only a column of counters does, without endings, and another looks like file names.

    """
    found = sorted((each for each in matches if each.is_found), key=lambda each: each.rank)
    if not found:
        return None
    best = found[0]
    missed = [each for each in matches if each.values and not each.is_found]
    rival = next((each for each in missed if each.is_usual or each.has_pictures_names), None)
    if best.is_counter and rival is not None:
        raise IngestError("unclear_file_column", _describe_rivals(best, rival))
    return best


def _describe_rivals(best: ColumnMatch, rival: ColumnMatch) -> str:
    return make_printable(
        f"expected one column that names the pictures; found {rival.name!r}, whose values, such as "
        f"{rival.values[0][:80]!r}, are not in the archive, and {best.name!r}, whose numbers, such as "
        f"{best.values[0][:20]!r}, may only count the rows (correct the paths in {rival.name!r}, or upload "
        f"with exclude_columns={rival.name} if {best.name!r} names the pictures)"
    )


def find_rival(best: ColumnMatch, matches: Sequence[ColumnMatch]) -> ColumnMatch | None:
    """Return another column that names pictures as surely, but other ones; None if there is none.

    One whose values repeat, as numbers of classes do, is none.
    """
    return next(
        (
            each
            for each in matches
            if each is not best
            and each.is_found
            and each.kind == best.kind
            and each.is_counter == best.is_counter
            and 2 * each.picture_count > best.picture_count
            and list(each.members) != list(best.members)
        ),
        None,
    )


def describe_missed(index: MemberIndex, table_name: str, matches: Sequence[ColumnMatch]) -> str | None:
    """Return what to say of a table whose values look like pictures or name several; None: nothing."""
    for each in matches:
        repeated = sum(index.is_repeated(value) for value in each.values)
        is_repeated = 2 * repeated > len(each.values) >= _LEAST_VALUES
        if each.values and (each.has_pictures_names or is_repeated):
            value = next((value for value in each.values if index.match(value, table_name) is None), "")
            return make_printable(
                f"{table_name!r} was not read: its column {each.name!r} looks like names of pictures, but of "
                f"{value[:80]!r}: {index.describe_missing(value)}"
            )
    return None


def peek_values(table: TextTable, columns: Sequence[str]) -> dict[str, list[object]]:
    """Return the first 100 values of some columns."""
    records = _peek(table)
    return {column: [cells.get(column) for cells in records] for column in columns}


def list_repeating(table: TextTable, columns: Sequence[str]) -> list[str]:
    """Return the columns that may be labels, as their first values repeat; texts before numbers."""
    texts: list[str] = []
    numbers: list[str] = []
    for column, cells in peek_values(table, columns).items():
        values = [str(cell or "").strip() for cell in cells]
        if values and len(set(values)) * _REPEATS <= len(values):
            is_number = all(re.fullmatch(r"[+-]?[\d.,]*", value) for value in values)
            (numbers if is_number else texts).append(column)
    return [*texts, *numbers]
