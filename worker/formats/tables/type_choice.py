"""The choice of each column's type, and of the columns that tell nothing."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from models.catalogue.column_types import ColumnType, read_column_type
from models.reading.column_names import normalise_name
from worker.formats.shared.columns import find_column
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.table_columns import TableColumn
from worker.formats.tables.decimal_signs import choose_thousands, count_numbers, has_decimal_comma
from worker.formats.tables.doubtful_texts import (
    find_day_number,
    find_leading_zero,
    find_likeness,
    list_odd_values,
)
from worker.formats.tables.text_columns import choose_texts, describe_texts, is_long_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from worker.formats.shared.sample import Ingestion
    from worker.formats.tables.column_profiles import ColumnProfile

MOSTLY = 0.95
"""Share of the filled cells that are numbers (or dates) from which the others are misspelt ones: with less,
they are values of their own. Not measured; every such column is said, and the option changes it."""
NEARLY_ALL = 0.95
"""Share of different values from which a column of texts names rows instead of kinds of rows. A category that
occurs once tells nothing about another row, whatever the share; said, and the option changes it."""
HALF = 0.5
MANY_VALUES = 32
REASONS_SHOWN = 5
ID = "an id"
_ID_NAME = re.compile(r"(.*_)?(id|uid|uuid|guid|key|no|nr|number|index)")


def choose_types(
    names: Sequence[str], profiles: Mapping[str, ColumnProfile], ingestion: Ingestion
) -> list[TableColumn]:
    """Return the columns that are used with their types; every other one is said to be left out."""
    if profiles and not any(profile.rows for profile in profiles.values()):
        raise IngestError("too_few_samples", "expected a sample in each row; found no row below the header")
    chosen = _read_choices(names, ingestion)
    included = {find_column(names, name, ()) for name in ingestion.options.include_columns if name in names}
    choose_thousands(list(profiles.values()), ingestion)
    texts = _choose_texts(names, profiles, chosen, included, ingestion)
    if texts:
        _note_ids([name for name in names if name not in texts], profiles, ingestion)
        return describe_texts(texts, names, profiles, ingestion)
    columns, reasons = [], list[str]()
    for name in names:
        profile = profiles[name]
        reason = _find_reason(profile, is_asked_for=name in chosen or name in included)
        if reason is None:
            columns.append(_describe(profile, chosen.get(name) or _infer_type(profile), ingestion))
            continue
        reasons.append(f"{make_printable(name)!r} ({reason})")
        ingestion.understood.leave_out(name, reason)
        ingestion.understood.note(
            "column_left_out",
            f"column {name!r} is not a feature: it is {reason}{_offer_key(name, reason, ingestion)}",
            option="include_columns",
        )
    if not columns:
        raise IngestError(
            "feature_count",
            f"expected a column that tells something of a row; found {'; '.join(reasons[:REASONS_SHOWN])}"
            " (include_columns takes columns back)",
        )
    ingestion.understood.facts["columns"]["features"] = len(columns)
    ingestion.understood.facts["column_types"] = {
        make_printable(column.name): column.type for column in columns
    }
    return columns


def _note_ids(names: Sequence[str], profiles: Mapping[str, ColumnProfile], ingestion: Ingestion) -> None:
    """Say which columns beside a text could name its samples."""
    for name in names:
        reason = None if _find_empty(profiles[name]) else _find_id(profiles[name])
        offer = _offer_key(name, reason or "", ingestion)
        if offer:
            ingestion.understood.note("id_kept", f"column {name!r} is {reason}{offer}", option="key_column")


def _offer_key(name: str, reason: str, ingestion: Ingestion) -> str:
    """Return how an id becomes the name of the samples, if nothing else names them."""
    has_key = (ingestion.understood.facts.get("columns") or {}).get("key") is not None
    if has_key or not reason.startswith(ID):
        return ""
    return f" (key_column={name} names the samples by it, instead of by the number of the row)"


def _choose_texts(
    names: Sequence[str],
    profiles: Mapping[str, ColumnProfile],
    chosen: Mapping[str, ColumnType],
    included: Collection[str | None],
    ingestion: Ingestion,
) -> list[str]:
    """Return the columns that are the samples' text; none: the table is one of cells."""
    asked = [name for name in names if chosen.get(name) == "text"]
    if asked:
        return asked
    filled = {name: profiles[name] for name in names if _find_empty(profiles[name]) is None}
    words = [
        name
        for name, profile in filled.items()
        if name not in chosen and name not in included and _infer_type(profile) == "category"
    ]
    others = [
        name
        for name, profile in filled.items()
        if name not in words and (name in chosen or name in included or _find_id(profile) is None)
    ]
    texts = choose_texts(words, others, profiles)
    if not texts and (long := [name for name in words if is_long_text(profiles[name])]):
        ingestion.understood.note(
            "text_not_used",
            f"column {long[0]!r} holds texts, but the other columns are audited as a table;"
            f" {long[0]}=text audits the texts instead",
            option="column_types",
        )
    return texts


def _read_choices(names: Sequence[str], ingestion: Ingestion) -> dict[str, ColumnType]:
    choices = [read_column_type(choice) for choice in ingestion.options.column_types]
    return {str(find_column(names, name, ())): kind for name, kind in choices}


def _find_reason(profile: ColumnProfile, *, is_asked_for: bool) -> str | None:
    """Return why a column is not used; None if it is."""
    reason = _find_empty(profile)
    return reason if reason is not None or is_asked_for else _find_id(profile)


def _find_empty(profile: ColumnProfile) -> str | None:
    """Return why a column tells nothing, whatever was asked; None if it may tell something."""
    if profile.foreign_type is not None:
        return f"of the type {profile.foreign_type}"
    if not profile.filled:
        return "blank in every row"
    if len(profile.values) == 1 and not profile.has_more_values and profile.filled == profile.rows:
        return "the same in every row"
    return None


def _find_id(profile: ColumnProfile) -> str | None:
    """Return what a column is that names single rows; None if it does not."""
    if profile.counts_up and profile.integers == profile.filled == profile.rows:
        return "an index: its values count up by one"
    if _infer_type(profile) == "category":
        if is_long_text(profile):
            return "a text of many words"
        return _name_id(profile) if _is_distinct(profile) else None
    is_named = _ID_NAME.fullmatch(normalise_name(profile.name)) is not None
    if is_named and profile.integers == profile.filled and _is_distinct(profile):
        return f"{ID}, by its name and because nearly every row has its own number"
    return None


def _name_id(profile: ColumnProfile) -> str:
    """Return what a column is of which hardly a value repeats."""
    likeness, zero = find_likeness(profile.values), find_leading_zero(profile.values)
    if likeness is not None:
        return f"{likeness} (write them without signs, or as 2024-05-31, to use them)"
    if profile.filled < NEARLY_ALL * profile.rows:
        return f"filled in {profile.filled} of {profile.rows} rows, hardly a value twice"
    more = "" if zero is None else f" (numbers that begin with a zero, such as {zero!r}, are codes)"
    return f"{ID}: nearly every row has its own value{more}"


def _is_distinct(profile: ColumnProfile) -> bool:
    """Return whether nearly every cell has its own value; of a column with very many, so far as counted."""
    counted = profile.values.total()
    return len(profile.values) >= NEARLY_ALL * counted


def _infer_type(profile: ColumnProfile) -> ColumnType:
    if profile.booleans == profile.filled:
        return "boolean"
    if profile.integers == profile.filled and find_leading_zero(profile.values):
        return "category"
    share = count_numbers(profile) / profile.filled
    # Of numbers that hardly repeat, as categories none would tell anything.
    if share >= MOSTLY or (share > HALF and _is_distinct(profile)):
        return "number"
    if profile.dates and max(profile.dates.values()) >= MOSTLY * profile.filled:
        return "date"
    return "category"


def _describe(profile: ColumnProfile, kind: ColumnType, ingestion: Ingestion) -> TableColumn:
    describe = {
        "number": _describe_numbers,
        "boolean": _describe_booleans,
        "date": _describe_dates,
        "category": _describe_categories,
        "text": _describe_categories,  # of a table of cells, where no column is asked for as a text
    }[kind]
    return describe(profile, ingestion)


def _describe_numbers(profile: ColumnProfile, ingestion: Ingestion) -> TableColumn:
    numbers, name = count_numbers(profile), profile.name
    if has_decimal_comma(profile):
        ingestion.understood.note("decimal_comma", f"column {name!r} has decimal commas: 1,5 was read as 1.5")
    if (day := find_day_number(profile.values)) is not None:
        ingestion.understood.note(
            "numbers_look_like_dates",
            f"column {name!r} was read as numbers, but its values look like dates, such as {day} (write them"
            f" as 2024-05-31 to use them as dates)",
            option="column_types",
        )
    spread = profile.grouped_spread if profile.has_dot_thousands else profile.numbers_spread
    column = TableColumn(
        name=name,
        type="number",
        rows=profile.rows,
        blanks=profile.rows - numbers,
        mean=spread.mean,
        deviation=spread.deviation,
        decimal_comma=has_decimal_comma(profile),
        dot_thousands=profile.has_dot_thousands,
    )
    _note_odd_cells(profile, column, profile.filled - numbers, ingestion)
    return column


def _note_odd_cells(profile: ColumnProfile, column: TableColumn, count: int, ingestion: Ingestion) -> None:
    if count:
        kind = column.type
        examples = ", ".join(repr(value[:40]) for value in list_odd_values(profile.values, kind, column))
        ingestion.understood.note(
            "odd_cells_blank",
            f"{count} of {profile.filled} values of column {profile.name!r} are not of the type {kind}"
            f" ({examples or 'some'}): they were read as blank; {profile.name}=category keeps them",
            option="column_types",
        )


def _describe_booleans(profile: ColumnProfile, ingestion: Ingestion) -> TableColumn:
    share = profile.true_count / max(profile.booleans, 1)
    column = TableColumn(
        name=profile.name,
        type="boolean",
        rows=profile.rows,
        blanks=profile.rows - profile.booleans,
        mean=share,
        deviation=math.sqrt(share * (1 - share)) or 1.0,
    )
    _note_odd_cells(profile, column, profile.filled - profile.booleans, ingestion)
    return column


def _describe_dates(profile: ColumnProfile, ingestion: Ingestion) -> TableColumn:
    found = profile.dates.most_common()
    day_format, count = found[0] if found else ("", 0)
    if not count:
        raise IngestError(
            "column_not_a_date",
            f"expected dates such as 2024-05-31 in column {profile.name!r}; found none"
            " (column_types names its type)",
        )
    both = {"%m/%d/%Y", "%d/%m/%Y"}, {"%m-%d-%Y", "%d-%m-%Y"}
    best = {name for name, number in found if number == count}
    if any(pair <= best for pair in both):
        ingestion.understood.note(
            "date_order",
            f"column {profile.name!r} does not show whether day or month comes first: it was read as"
            f" {day_format.replace('%', '')}",
        )
    column = TableColumn(
        name=profile.name,
        type="date",
        rows=profile.rows,
        blanks=profile.rows - count,
        mean=profile.date_spreads[day_format].mean,
        deviation=profile.date_spreads[day_format].deviation,
        day_format=day_format,
    )
    _note_odd_cells(profile, column, profile.filled - count, ingestion)
    return column


def _describe_categories(profile: ColumnProfile, ingestion: Ingestion) -> TableColumn:
    ordered = sorted(profile.values.items(), key=lambda entry: (-entry[1], entry[0]))
    if len(ordered) > MANY_VALUES:
        more = "more than " if profile.has_more_values else ""
        ingestion.understood.note(
            "many_values",
            f"column {profile.name!r} has {more}{len(ordered)} different values; the rare ones are one",
            option="exclude_columns",
        )
    likeness = find_likeness(profile.values)
    zero = find_leading_zero(profile.values) if profile.integers == profile.filled else None
    if likeness is not None or zero is not None:
        what = likeness or f"numbers that begin with a zero, such as {zero!r}"
        ingestion.understood.note(
            "read_as_categories",
            f"column {profile.name!r} has {what}: it was read as categories ({profile.name}=number reads"
            " plain numbers as numbers, and other texts as blank)",
            option="column_types",
        )
    elif profile.numbers and profile.no_numbers:
        ingestion.understood.note(
            "mixed_column",
            f"column {profile.name!r} holds numbers and texts ({profile.no_numbers[0][:40]!r}):"
            f" it was read as categories; {profile.name}=number reads the texts as blank",
            option="column_types",
        )
    return TableColumn(
        name=profile.name,
        type="category",
        rows=profile.rows,
        blanks=profile.rows - profile.filled,
        values=tuple(value for value, _ in ordered),
        counts=tuple(count for _, count in ordered),
    )
