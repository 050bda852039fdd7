"""Reading of a table with labels of several annotators: a long one, or one column for each annotator."""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet

from app.datasets.attachments.identifiers import Identifier, find_identifier
from app.infra.errors import Invalid
from models.reading.class_lookup import ClassLookup, is_unknown
from models.reading.column_names import (
    ANNOTATORS,
    KEYS,
    LABELS,
    POSITION,
    SPLITS,
    TRUTHS,
    find_by_name,
    has_name,
)
from models.reading.label_texts import decode_spelling, make_comparable, strip_guard
from models.reading.table_files import inspect_table
from models.reading.text_encodings import TableError, open_lines
from models.reading.text_tables import read_records

SHOWN = 5
ANNOTATORS_MAX = 10_000
LABELS_MAX = 20_000_000
"""Labels of all annotators: 240 MB while they are read, three times that while they are put in order."""
ROWS_MAX = 20_000_000
"""As many as labels: a long table has a row for each, a wide one a row for each sample."""
NAME_MAX = 200
AMBIGUOUS = -1
BATCH_ROWS = 1_000
NOT_ANNOTATORS = (*TRUTHS, *LABELS, *SPLITS, *KEYS, POSITION)
"""Columns of a wide table that are no annotator's."""
Row = Sequence[str | None]
ReadRows = Callable[[Sequence[int]], Iterator[tuple[int, Row]]]
"""Returns the rows with their numbers or lines; only the cells of these columns need to be right."""


@dataclass(frozen=True, kw_only=True)
class Attached:
    """What was attached."""

    annotators: int
    labels: int
    samples: int
    """Samples with a label."""
    left_out: list[str]
    """Columns of the table that were not read."""


@dataclass(kw_only=True)
class _Labels:
    """The labels read so far, in order."""

    positions: "array[int]"
    annotators: "array[int]"
    codes: "array[int]"
    names: dict[str, int]
    by_key: bool
    """Whether the table names samples by their keys."""

    def add(self, position: int, annotator: str, code: int) -> None:
        name = annotator.strip()
        if not name or len(name) > NAME_MAX or not name.isprintable():
            raise Invalid(f"an annotator's name has 1 to {NAME_MAX} printable characters; found {name!r}")
        number = self.names.setdefault(name, len(self.names))
        if number >= ANNOTATORS_MAX or len(self.codes) >= LABELS_MAX:
            raise Invalid(
                f"expected at most {ANNOTATORS_MAX} annotators with {LABELS_MAX} labels; found more"
            )
        self.positions.append(position)
        self.annotators.append(number)
        self.codes.append(code)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is needed of a dataset to read labels of its samples."""

    sample_count: int
    own_keys: list[str]
    class_names: list[str]
    class_spellings: list[object]
    samples: Path
    """Table of the samples' keys, in order of position."""


def read_and_write(
    file: Path, destination: Path, columns: Sequence[str], key_column: str | None, target: Target
) -> dict[str, object]:
    """Read annotators' labels, write them in order, and return what `Attached` has.

    Raises:
        Invalid: as for `attach`.

    """
    try:
        header, read_rows = _open_parquet(file) if _is_parquet(file) else _open_text(file)
        read, left_out = _read(header, read_rows, target, columns, key_column)
    except (TableError, pa.ArrowException) as error:
        raise Invalid(f"the annotators' labels cannot be read: {error}") from error
    table = _make_table(read, target)
    parquet.write_table(table, destination, compression="zstd")
    samples = len(np.unique(table["position"].to_numpy()))
    return asdict(Attached(annotators=len(read.names), labels=len(table), samples=samples, left_out=left_out))


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"PAR1"


def _open_parquet(file: Path) -> tuple[list[str], ReadRows]:
    """Return the columns' names, and what reads the rows with their numbers."""
    opened = parquet.ParquetFile(file)
    names = list(opened.schema_arrow.names)

    def iterate(needed: Sequence[int]) -> Iterator[tuple[int, Row]]:
        number = 0
        for batch in opened.iter_batches(BATCH_ROWS, columns=[names[at] for at in needed]):
            columns = {at: batch.column(names[at]).to_pylist() for at in needed}
            for row in range(batch.num_rows):
                number += 1
                cells: list[str | None] = [None] * len(names)
                for at, column in columns.items():
                    cells[at] = None if column[row] is None else str(column[row])
                yield number, cells

    return names, iterate


def _open_text(file: Path) -> tuple[list[str], ReadRows]:
    """Return the columns' names, and what reads the rows with their lines."""
    with file.open("rb") as opened:
        style, _ = inspect_table(opened)
    width = len(style.columns)

    def iterate(_: Sequence[int]) -> Iterator[tuple[int, Row]]:
        with file.open("rb") as opened:
            for record in read_records(open_lines(opened, style.encoding), style):
                if record.is_comment:
                    continue
                if record.is_ragged or record.width < width:
                    raise Invalid(f"line {record.line} has {record.width} columns, expected {width}")
                yield record.line, [strip_guard(cell) for cell in record.cells[:width]]

    return list(style.columns), iterate


def _read(
    header: list[str],
    read_rows: ReadRows,
    target: Target,
    columns: Sequence[str],
    key_column: str | None,
) -> tuple[_Labels, list[str]]:
    """Return the labels, and the columns that were not read."""
    missing = [name for name in columns if name not in header]
    if missing:
        raise Invalid(f"expected a column {missing[0]!r}; found {header[:20]}")
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise Invalid(f"expected every column once; found several named {repeated[0]!r}")
    identifier = find_identifier(header, target.own_keys, chosen=key_column)
    if identifier is None:
        raise Invalid(
            "a table of annotators needs 'key' or 'position' (or 'id', 'sample', or a file name; key_column"
            f" names another column), found {header[:20]}"
        )
    others = [name for name in header if name != header[identifier.column]]
    annotator, label = find_by_name(others, ANNOTATORS), find_by_name(others, LABELS)
    if columns:
        places = {name: header.index(name) for name in columns}
        left_out, annotator = [name for name in others if name not in columns], None
    elif annotator is not None and label is not None:
        places = {"": header.index(label)}
        left_out = [name for name in others if name not in (annotator, label)]
    else:
        chosen = [name for name in others if name.strip() and not has_name(name, NOT_ANNOTATORS)]
        places = {name: header.index(name) for name in chosen}
        left_out = [name for name in others if name not in chosen]
        annotator = None
    if not places:
        raise Invalid(
            "expected the columns 'annotator' and 'label', or a column for each annotator; found"
            f" {header[:20]}"
        )
    reader = _Reader(
        identifier=identifier,
        annotator=None if annotator is None else header.index(annotator),
        places=places,
        position_of=_list_positions(target, identifier),
        lookup=ClassLookup(
            target.class_names, [decode_spelling(spelled) for spelled in target.class_spellings]
        ),
    )
    return reader.read(read_rows(reader.list_columns())), left_out


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads rows to labels."""

    identifier: Identifier
    annotator: int | None
    """The column with the annotator's name; None: columns are annotators."""
    places: dict[str, int]
    """Columns with labels, by annotator."""
    position_of: dict[str, int]
    lookup: ClassLookup

    def list_columns(self) -> list[int]:
        """Return the columns that are read."""
        annotator = () if self.annotator is None else (self.annotator,)
        return [*{self.identifier.column, *annotator, *self.places.values()}]

    def read(self, rows: Iterator[tuple[int, Row]]) -> _Labels:
        found = _Labels(
            positions=array("i"),
            annotators=array("i"),
            codes=array("i"),
            names={},
            by_key=not self.identifier.are_positions,
        )
        codes: dict[str, int | None] = {}
        for number, row in rows:
            if number > ROWS_MAX:
                raise Invalid(f"expected at most {ROWS_MAX} rows; found more")
            labels = []
            for name, place in self.places.items():
                text = (row[place] or "").strip()
                if text not in codes:
                    codes[text] = self._find_code(text, number, name)
                if (code := codes[text]) is not None:
                    labels.append((name if self.annotator is None else row[self.annotator] or "", code))
            if not labels:
                continue  # it says nothing of its sample, which may have been left out for having no label
            position = self._find_position(number, row[self.identifier.column] or "")
            for annotator, code in labels:
                found.add(position, annotator, code)
        if not found.codes:
            raise Invalid("the table has no label of any annotator")
        return found

    def _find_position(self, number: int, identifier: str) -> int:
        at = identifier.strip() if self.identifier.are_positions else make_comparable(identifier)
        position = self.position_of.get(at)
        if position is None:
            raise Invalid(f"row {number}: no sample has this {self.identifier.kind}: {identifier[:80]!r}")
        if position == AMBIGUOUS:
            raise Invalid(f"row {number}: several samples have this key: {identifier[:80]!r}; use 'position'")
        return position

    def _find_code(self, text: str, number: int, name: str) -> int | None:
        code = self.lookup.find(text) if text else None
        if code is None and not is_unknown(text):
            where = f" of the column {name[:NAME_MAX]!r}" if name else ""
            is_wide = "; columns=NAME, once for each, chooses the columns that are annotators" if name else ""
            raise Invalid(
                f"row {number}: no class of this dataset has the name {text[:80]!r}{where} (leave cells blank"
                f" that are no label{is_wide})"
            )
        return code


def _list_positions(target: Target, identifier: Identifier) -> dict[str, int]:
    if identifier.are_positions:
        return {str(position): position for position in range(target.sample_count)}
    keys = parquet.read_table(target.samples, columns=["key"])["key"]
    found: dict[str, int] = {}
    for position, key in enumerate(keys.to_pylist()):
        at = make_comparable(key)
        found[at] = AMBIGUOUS if at in found else position
    return found


def _make_table(read: _Labels, target: Target) -> pa.Table:
    """Return the labels in order of position and annotator; raise Invalid if one is there twice."""
    positions, annotators, codes = (
        np.frombuffer(values, dtype=np.int32) for values in (read.positions, read.annotators, read.codes)
    )
    order = np.lexsort((annotators, positions))
    positions, annotators, codes = positions[order], annotators[order], codes[order]
    twice = np.flatnonzero((np.diff(positions) == 0) & (np.diff(annotators) == 0))
    if len(twice):
        names, places = list(read.names), positions[twice[:SHOWN]].tolist()
        samples = [f"position {place}" for place in places]
        if read.by_key:
            keys = parquet.read_table(target.samples, columns=["key"])["key"]
            samples = [repr(keys[place].as_py()) for place in places]
        shown = [f"{names[annotators[at]]} at {sample}" for at, sample in zip(twice, samples, strict=False)]
        raise Invalid(f"an annotator has more than one label of a sample: {', '.join(shown)}")
    return make_label_table(positions, annotators, codes, list(read.names))


Codes = npt.NDArray[np.int32]


def make_label_table(positions: Codes, annotators: Codes, codes: Codes, names: Sequence[str]) -> pa.Table:
    """Return annotators' labels as they are stored; the annotators' names are in the table's metadata."""
    columns = {"position": positions, "annotator": annotators, "label": codes}
    return pa.table(columns).replace_schema_metadata({"names": json.dumps(list(names))})
