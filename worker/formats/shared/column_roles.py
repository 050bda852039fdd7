"""What each column of a feature table is for: label, truth, key, split, feature, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from models.reading.column_names import (
    COORDINATES,
    has_name,
    is_index_name,
    list_by_name,
    may_be_counter,
    may_be_key_anywhere,
    normalise_name,
)
from models.reading.label_texts import DOUBTFUL_TEXTS, MISSING_NUMBERS, format_label
from worker.formats.shared.class_columns import suggest_classes
from worker.formats.shared.columns import (
    FILE_NAMES,
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    find_column,
    quote_names,
)
from worker.formats.shared.own_rows import list_own_by_name
from worker.formats.shared.problems import IngestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.formats.shared.sample import Ingestion

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_FRACTION = re.compile(r"[+-]?\d*[.,]\d*[1-9]\d*")
_TRUTH_VALUES = frozenset(("true", "false"))
_MOST_DISTINCT = 0.5
"""Share of different values up to which a column of texts may be the label without being named so."""
_MOST_SPLITS = 20
"""Different values up to which a column named as one holds splits: ten folds, twice."""

Peek = dict[str, list[str]]
"""The first values of each column as text; none for columns of lists."""


@dataclass(frozen=True, kw_only=True)
class ColumnRoles:
    """Names of a table's columns by meaning."""

    label: str | None
    """None: `classes` are the labels."""
    truth: str | None
    key: str | None
    split: str | None
    features: list[str]
    classes: Sequence[str] = ()
    """Columns of 0 and 1 that are a class each."""

    @property
    def special(self) -> list[str]:
        """Return the columns that are read beside the features."""
        every = (self.label, self.truth, self.key, self.split, *self.classes)
        return [name for name in every if name is not None]


def choose_roles(names: Sequence[str], peek: Peek, ingestion: Ingestion) -> ColumnRoles:
    """Choose what each column is for, by options, then by names; every other choice is noted."""
    options, understood = ingestion.options, ingestion.understood
    chosen = [_find_option(names, name) for name in options.exclude_columns]
    for name in chosen:
        understood.leave_out(name, "left out as asked")
    rest = [name for name in names if name not in chosen]
    classes = ingestion.classes.choose(rest, options.class_columns)
    label = None if classes else _choose_label(rest, peek, ingestion)
    others = [name for name in rest if name != label and name not in classes]
    truth = None if classes else find_column(others, options.truth_column, TRUTHS)
    split = _choose_split(others, peek, ingestion)
    key = _choose_key([name for name in others if name not in (truth, split)], names[0], peek, ingestion)
    special = {"label": label, "truth": truth, "key": key, "split": split}
    if label is not None:
        ingestion.layout["label_column"] = label
    others = [name for name in others if name not in special.values()]
    own = _choose_own(others, ingestion)
    features = _choose_features([name for name in others if name not in own], peek, ingestion)
    ingestion.own.choose([name for name in (*chosen, *own) if name in peek], understood)
    understood.facts["columns"] = {**special, "features": len(features)}
    return ColumnRoles(
        label=label, truth=truth, key=key, split=split, features=features, classes=tuple(classes)
    )


def _find_option(names: Sequence[str], chosen: str) -> str:
    return str(find_column(names, chosen, ()))


def _choose_label(names: Sequence[str], peek: Peek, ingestion: Ingestion) -> str:
    """Return the label column: the chosen one, a usual name, or the only column of repeated texts."""
    if ingestion.options.label_column is not None:
        return _find_option(names, ingestion.options.label_column)
    usual = list_by_name(names, LABELS)
    doubtful = _is_coordinate(usual[0], names, peek) if usual else False
    if usual and not doubtful:
        if len(usual) > 1 and not (normalise_name(usual[1]) == "y" and _is_coordinate(usual[1], names, peek)):
            ingestion.understood.note(
                "label_chosen",
                f"several columns have names of labels ({quote_names(usual)}): {usual[0]!r} was taken",
                option="label_column",
            )
        return usual[0]
    _check_header(names)
    texts = [name for name in names if _may_be_label(name, peek)]
    if len(texts) == 1 and len(names) > 1:
        ingestion.understood.note(
            "label_guessed",
            f"no column is named as a label; {texts[0]!r} was taken, the only one with texts that repeat",
            option="label_column",
        )
        return texts[0]
    if doubtful and len(names) == len(COORDINATES):
        return usual[0]
    candidates = f"; could it be {quote_names(texts)}?" if texts else ""
    blanks = len(names) == 1 and len(names[0].split()) > 1
    candidates += "; if one blank separates columns, give delimiter=space" if blanks else ""
    classes = suggest_classes({name: peek[name] for name in names if name in peek})
    coordinate = " (`y` beside `x` may be a coordinate)" if doubtful else ""
    raise IngestError(
        "missing_column",
        f"expected a column for the label, named one of {', '.join(LABELS)}; "
        f"found {quote_names(names)}{coordinate}{candidates} (name it in label_column){classes}",
    )


def _check_header(names: Sequence[str]) -> None:
    """Refuse a first line of values: without a header it would be lost as one."""
    numbers = [name for name in names if _NUMBER.fullmatch(name.strip())]
    counted = [str(start + at) for start in (0, 1) for at in range(len(numbers))]
    if numbers and numbers not in (counted[: len(numbers)], counted[len(numbers) :]):
        raise IngestError(
            "bad_header",
            f"expected names of columns in the first line; found values: {quote_names(names)} (add a line of "
            "names, one of them 'label')",
        )


def _is_coordinate(name: str, names: Sequence[str], peek: Peek) -> bool:
    """Return whether a column is `y` beside a column `x` of numbers, with more columns than these."""
    if normalise_name(name) != COORDINATES[1]:
        return False
    other = next((each for each in names if normalise_name(each) == COORDINATES[0]), None)
    return other is not None and other in peek and not is_text(peek[other]) and len(names) > len(COORDINATES)


def is_text(values: Sequence[str]) -> bool:
    """Return whether any of the values is neither a number nor a truth value nor missing."""
    return any(_is_word(value.strip()) for value in values)


def _is_word(text: str) -> bool:
    lower = text.lower()
    if format_label(text) is None or any(
        lower in usual for usual in (MISSING_NUMBERS, DOUBTFUL_TEXTS, _TRUTH_VALUES)
    ):
        return False
    return _NUMBER.fullmatch(text) is None and lower.lstrip("+-") not in ("inf", "infinity")


def has_codes(values: Sequence[str]) -> bool:
    """Return whether values are whole numbers of which some begin with a zero, as codes do."""
    filled = [value.strip() for value in values if value.strip()]
    return any(len(value) > 1 and value[0] == "0" for value in filled) and all(
        value.isdecimal() for value in filled
    )


def _may_be_label(name: str, peek: Peek) -> bool:
    if name not in peek or normalise_name(name) in (*FILE_NAMES, *KEYS, *SPLIT_NAMES, *TRUTHS):
        return False
    values = [value for value in peek[name] if value.strip()]
    return is_text(values) and 1 < len(set(values)) <= _MOST_DISTINCT * len(values)


def _choose_split(names: Sequence[str], peek: Peek, ingestion: Ingestion) -> str | None:
    """Return the split column: the chosen one, or one with a usual name and the values of splits."""
    split = find_column(names, ingestion.options.split_column, SPLIT_NAMES)
    if split is None or ingestion.options.split_column is not None or _has_splits(peek.get(split, [])):
        return split
    ingestion.understood.note(
        "split_not_used",
        f"column {split!r} is named as a split, but has too many values or fractions: it is none",
        option="split_column",
    )
    return None


def _has_splits(values: Sequence[str]) -> bool:
    """Return whether first values may be names or numbers of splits."""
    distinct = {value.strip() for value in values} - {""}
    return len(distinct) <= _MOST_SPLITS and not any(_FRACTION.fullmatch(value) for value in distinct)


def _choose_key(names: Sequence[str], first: str, peek: Peek, ingestion: Ingestion) -> str | None:
    """Return the key column: the chosen one, a usual name, a column of file names, or an index.

    Only the table's first column may be an index for want of a name.
    """
    if ingestion.options.key_column is not None:
        return _find_option(names, ingestion.options.key_column)
    candidates = [name for name in names if name not in ingestion.options.include_columns]
    usual = list_by_name(candidates, KEYS)
    files = [name for name in list_by_name(candidates, FILE_NAMES) if is_text(peek.get(name, []))]
    indices = [
        name
        for name in candidates
        if is_index_name(name)
        and (
            may_be_key_anywhere(name)
            or (name == first and any(value.strip() for value in peek.get(name, [])))
        )
    ]
    return next(iter([*usual, *files, *indices]), None)


def _choose_own(names: Sequence[str], ingestion: Ingestion) -> list[str]:
    """Return the columns that say where a sample comes from, by their names; never all that is left."""
    included = {_find_option(names, name) for name in ingestion.options.include_columns}
    own = [name for name in list_own_by_name(names) if name not in included]
    if len(own) == len(names):
        return []
    for name in own:
        ingestion.understood.note(
            "column_kept",
            f"column {name!r} is not a feature, by its name: it is kept as a column of yours",
            option="include_columns",
        )
    return own


def _choose_features(names: Sequence[str], peek: Peek, ingestion: Ingestion) -> list[str]:
    """Return the feature columns; leftover indices, further labels and further keys are left out and said."""
    included = {_find_option(names, name) for name in ingestion.options.include_columns}
    found = {name: _find_reason(name, names, peek) for name in names if name not in included}
    reasons = {name: reason for name, reason in found.items() if reason is not None}
    features = [name for name in names if name not in reasons]
    if not features and reasons:
        weak = [name for name in reasons if not is_index_name(name) and not is_text(peek.get(name, []))]
        ingestion.understood.note_all(
            "feature_kept",
            (
                f"{name!r} is used as a feature, although it is {reasons[name]}: no other column is left"
                for name in weak
            ),
            option="exclude_columns",
        )
        features, reasons = weak, {name: reason for name, reason in reasons.items() if name not in weak}
    for name, reason in reasons.items():
        ingestion.understood.leave_out(name, reason)
        ingestion.understood.note(
            "column_left_out", f"column {name!r} is not a feature: it is {reason}", option="include_columns"
        )
    return features


def _find_reason(name: str, names: Sequence[str], peek: Peek) -> str | None:
    """Return why a column is not a feature; None if it is one."""
    normal, values = normalise_name(name), peek.get(name, [])
    reasons = {
        "without a name": is_index_name(name) and not may_be_key_anywhere(name),
        "an index that a program wrote": is_index_name(name),
        "an index: its values count up by one": may_be_counter(name) and _counts_up(values),
        "named as correct labels": has_name(name, TRUTHS),
        "named as another label": has_name(name, LABELS) and not _is_axis(normal, names),
        "named as another key": has_name(name, KEYS),
        "named as another split": has_name(name, SPLIT_NAMES),
        "a column of file names": has_name(name, FILE_NAMES) and is_text(values),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _is_axis(normal: str, names: Sequence[str]) -> bool:
    return normal == COORDINATES[1] and any(normalise_name(each) == COORDINATES[0] for each in names)


def _counts_up(values: Sequence[str]) -> bool:
    if len(values) < 2 or not all(value.strip().isdecimal() for value in values):  # noqa: PLR2004 - to count, two
        return False
    numbers = [int(value) for value in values]
    return all(later - earlier == 1 for earlier, later in pairwise(numbers))


def describe_values(columns: Mapping[str, Sequence[object]]) -> Peek:
    """Return first values of columns as texts."""
    return {
        name: ["" if value is None else str(value) for value in values] for name, values in columns.items()
    }
