"""Columns that are classes: each says of every sample whether it has the class, and the label is the set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from models.reading.column_names import find_chosen
from models.reading.label_texts import format_label, make_comparable
from models.reading.several_labels.class_cells import RANGE, WRITINGS, find_writings, read_cell
from models.reading.several_labels.label_sets import CONTROL
from worker.formats.shared.columns import find_column, quote_names
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.label_codes import Vocabulary
    from worker.formats.shared.understanding import Understanding

BLANK = -1
_HAVING = frozenset(high for _, high in WRITINGS)
_DIFFERENT_MOST = 20
"""Different cells of a column that are kept for the message about those that say neither yes nor no."""
_SHOWN = 5
_LEAST_COLUMNS = 2
"""Columns of 0 and 1 from which on a table without a label may have one for each class."""
EXPECTED = "0 and 1 (or true and false, yes and no, or -1 and 1)"


class ClassColumns:
    """The columns of an upload that are classes, and the sets that its rows have."""

    def __init__(self) -> None:
        self.classes: dict[str, str] = {}
        """Class by column, in the order in which a set lists them."""
        self.blank_rows = 0
        """Rows with a blank cell in one of them."""
        self._cells: dict[str, dict[object, str | None]] = {}
        """By column: what its first values say, for speed."""
        self._found: dict[str, dict[str, None]] = {}
        """By column: the different things that its cells say."""
        self._codes: dict[tuple[str, ...], dict[bytes, int]] = {}
        self._blank_column = ""

    def choose(self, names: Sequence[str], chosen: Sequence[str]) -> list[str]:
        """Return the columns that are classes.

        Args:
            names: all columns of a table, in their order.
            chosen: names of columns, or `first..last` for all from one to another.

        Raises:
            IngestError: a column is missing, or its name names no class or the same as another's.

        """
        found = [column for each in chosen for column in _find_range(names, each)]
        for column in dict.fromkeys(found):
            self._add(column)
        return [*dict.fromkeys(found)]

    def _add(self, column: str) -> None:
        name = format_label(column)
        if name is None or CONTROL.search(name):
            raise IngestError(
                "bad_class_column",
                f"expected a column whose name is a class; found {make_printable(column)!r} in class_columns",
            )
        taken = {make_comparable(each): other for other, each in self.classes.items()}
        other = taken.get(make_comparable(name), column)
        if other != column:
            raise IngestError(
                "bad_class_column",
                f"expected a class of its own for each column; found {quote_names([other, column])}, which"
                " are the same class",
            )
        self.classes[column] = name
        self._cells.setdefault(column, {})
        self._found.setdefault(column, {})

    def encode_block(
        self, block: pa.RecordBatch, columns: Sequence[str], vocabulary: Vocabulary
    ) -> NDArray[np.int32]:
        """Return the codes [n] of the sets of a block's rows; MISSING where a cell is blank."""
        flags = np.empty((block.num_rows, len(columns)), dtype=np.int8)
        for at, column in enumerate(columns):
            flags[:, at] = self._read_column(column, block.column(column))
        codes = self._codes.setdefault(tuple(columns), {})
        return np.fromiter((self._encode(columns, row, codes, vocabulary) for row in flags), np.int32)

    def encode_record(self, cells: Mapping[str, Any], columns: Sequence[str], vocabulary: Vocabulary) -> int:
        """Return the code of the set of one record; MISSING where a cell is blank."""
        row = np.array([self._read(column, cells.get(column)) for column in columns], dtype=np.int8)
        return self._encode(columns, row, self._codes.setdefault(tuple(columns), {}), vocabulary)

    def _read_column(self, column: str, values: pa.Array) -> NDArray[np.int8]:
        if pa.types.is_nested(values.type) or pa.types.is_null(values.type):
            values = values.cast(pa.string()) if pa.types.is_null(values.type) else pa.array(map(str, values))
        encoded = values.dictionary_encode()
        distinct = [self._read(column, value) for value in encoded.dictionary.to_pylist()]
        rows = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
        flags: NDArray[np.int8] = np.array([*distinct, BLANK], dtype=np.int8)[rows]
        return flags

    def _read(self, column: str, value: object) -> int:
        """Return whether a cell says that the class is there; BLANK if it says nothing."""
        known = self._cells[column]
        cell = known[value] if value in known else self._note(column, value)
        return BLANK if cell is None else int(cell in _HAVING)

    def _note(self, column: str, value: object) -> str | None:
        """Return what a new value says."""
        cell, known, found = read_cell(value), self._cells[column], self._found[column]
        if len(known) < _DIFFERENT_MOST:
            known[value] = cell
        if cell is not None and len(found) < _DIFFERENT_MOST:  # so many are no yes and no
            found[cell] = None
        return cell

    def _encode(
        self, columns: Sequence[str], row: NDArray[np.int8], codes: dict[bytes, int], vocabulary: Vocabulary
    ) -> int:
        key = row.tobytes()
        if key not in codes:
            codes[key] = MISSING if BLANK in row else self._add_set(columns, row, vocabulary)
        if codes[key] == MISSING:
            self.blank_rows += 1
            self._blank_column = self._blank_column or columns[int(np.argmax(row == BLANK))]
        return codes[key]

    def _add_set(self, columns: Sequence[str], row: NDArray[np.int8], vocabulary: Vocabulary) -> int:
        having = {column for column, flag in zip(columns, row, strict=True) if flag}
        names = [name for column, name in self.classes.items() if column in having]
        return vocabulary.get_code(json.dumps(names, ensure_ascii=False))

    def describe(self, understood: Understanding) -> dict[str, dict[str, Any]]:
        """Return column and writing of each class, for exports, and note blank cells.

        Raises:
            IngestError: a column holds something else than yes and no.

        """
        cells = {column: [*self._found[column]] for column in self.classes}
        writings = find_writings(cells)
        for column, writing in writings.items():
            if writing is None:
                found = quote_names(cells[column][:_SHOWN])
                raise IngestError(
                    "bad_class_column",
                    f"expected {EXPECTED} in the column {make_printable(column)!r}, which is a class by"
                    f" class_columns; found {found}",
                )
        if self.blank_rows:
            understood.note(
                "class_cell_blank",
                f"{self.blank_rows} rows were left out: a cell of a class is blank, such as in the column"
                f" {self._blank_column!r}, and that says neither yes nor no (write 0 if it means no)",
                option="class_columns",
            )
        return {
            name: {"column": column, "writing": list(writings[column] or ())}
            for column, name in self.classes.items()
        }


def _find_range(names: Sequence[str], chosen: str) -> Sequence[str]:
    """Return the column of a name, or the columns from one to another."""
    first, dots, last = chosen.partition(RANGE)
    if find_chosen(names, chosen) is not None or not (first and dots and last):
        return [str(find_column(names, chosen, ()))]
    start, stop = (names.index(str(find_column(names, each.strip(), ()))) for each in (first, last))
    if stop < start:
        raise IngestError(
            "missing_column",
            f"expected the first and the last of some columns; found {chosen!r}, whose last comes before its"
            " first",
        )
    return names[start : stop + 1]


def list_present(names: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Return the columns of a table that are among the chosen ones; others may be missing."""
    found: list[str] = []
    for each in chosen:
        try:
            found += _find_range(names, each)
        except IngestError:
            ends = (find_chosen(names, part.strip()) for part in each.split(RANGE))
            found += [end for end in ends if end is not None]
    return found


def suggest_classes(columns: Mapping[str, Sequence[object]]) -> str:
    """Return what to say of a table without a label that may have a column for each class; "" if not.

    Args:
        columns: first values of the columns that may be one.

    """
    cells = {name: {read_cell(value) for value in values} - {None} for name, values in columns.items()}
    filled = {name: [str(cell) for cell in found] for name, found in cells.items() if found}
    writings = {name: writing for name, writing in find_writings(filled).items() if writing is not None}
    if sum(len(filled[name]) > 1 for name in writings) < _LEAST_COLUMNS:
        return ""
    found, names = [*writings], [*columns]
    held = " or ".join(dict.fromkeys(" and ".join(writing) for writing in writings.values()))
    follow = found == names[names.index(found[0]) : names.index(found[-1]) + 1]
    ends = f", one by one or as {make_printable(f'{found[0]}{RANGE}{found[-1]}')}" if follow else ""
    return f"; {quote_names(found)} hold {held}: if each is a class, name them in class_columns{ends}"
