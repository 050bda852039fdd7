"""What points and commas mean in the numbers of a table: all of its columns together show it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from worker.formats.tables.number_texts import DECIMAL_COMMA, DOT_THOUSANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.formats.shared.column_roles import Peek
    from worker.formats.shared.sample import Ingestion
    from worker.formats.tables.column_profiles import ColumnProfile

_MOSTLY = 0.95
"""Share of the cells of a column that are numbers, from which its signs count for other columns."""


def has_decimal_comma(profile: ColumnProfile) -> bool:
    """Return whether a column's commas are decimal: one shows it, and no point is one."""
    return profile.sure_commas > 0 and profile.points == profile.thousands


def count_numbers(profile: ColumnProfile) -> int:
    """Return how many cells are numbers as the column's signs are read."""
    grouped = profile.grouped if profile.has_dot_thousands else 0
    return profile.numbers - (0 if has_decimal_comma(profile) else profile.commas) + grouped


def choose_thousands(profiles: Sequence[ColumnProfile], ingestion: Ingestion) -> None:
    """Read 1.200 as 1200 where columns have decimal commas and none has decimal points; say what was read."""
    numbers = [each for each in profiles if each.numbers + each.grouped >= _MOSTLY * max(each.filled, 1)]
    comma = next((each for each in numbers if has_decimal_comma(each)), None)
    if comma is None:
        return
    point = next((each for each in numbers if each.points > each.thousands), None)
    for profile in numbers:
        if point is None and profile.thousands + profile.grouped:
            profile.has_dot_thousands = True
            ingestion.understood.note(
                "dot_thousands",
                f"column {profile.name!r} has points before three digits: 1.200 was read as 1200, as"
                f" column {comma.name!r} has decimal commas (if it is 1.2, write the same sign everywhere)",
            )
        elif profile.points:
            ingestion.understood.note(
                "decimal_signs_differ",
                f"column {profile.name!r} has points, column {comma.name!r} decimal commas: the points were"
                " read as decimal, too",
            )


def note_doubtful_points(peek: Peek, names: Sequence[str], ingestion: Ingestion) -> None:
    """Say where points may be signs of thousands, as in 1.200 beside 950, and nothing decides it."""
    if any("," in value and re.match(DECIMAL_COMMA, value.strip()) for name in names for value in peek[name]):
        return
    for name in names:
        values = {value.strip() for value in peek[name]}
        pointed = [value for value in values if "." in value]
        is_mixed = any(value.isdecimal() for value in values)
        if pointed and is_mixed and all(re.match(DOT_THOUSANDS, value) for value in pointed):
            example = min(pointed)
            ingestion.understood.note(
                "points_doubtful",
                f"column {name!r} has whole numbers, and points before three digits alone: {example} was read"
                f" as {float(example):g} (if it is {example.replace('.', '')}, write it without the point)",
            )
