"""Reading of probabilities of an external model from npz, Parquet or CSV, with checks of each row."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv, parquet

from app.infra.errors import Invalid
from models.reading.column_names import KEYS, POSITION, find_by_name, normalise_name
from models.reading.label_texts import format_label, make_comparable, strip_guard
from models.reading.table_files import inspect_table
from models.reading.text_encodings import TableError, open_lines
from models.reading.text_tables import TableStyle, read_records

NAMES = ("probabilities", "pred_probs", "predicted_probabilities")
SHOWN = 5
HEADER_BYTES = 2**16
NAME_BYTES = 4 * 1_000
SUM_TOLERANCE = 0.01
DIMENSIONS = 2
BLOCK_BYTES, BLOCK_RECORDS = 4 << 20, 1_000
"""Of a table in text that are in memory at a time; a row of 100,000 classes has 2 MB."""

Floats = npt.NDArray[np.float32]


def check_and_write(file: Path, samples: Path, class_names: list[str], destination: Path) -> int:
    """Read a file of probabilities, write them as an array, and return the number of rows.

    Raises:
        Invalid: as for `read`.

    """
    keys = parquet.read_table(samples, columns=["key"])["key"]
    rows = read(file, keys=keys, class_names=class_names)
    np.save(destination, rows)
    return len(rows)


def read(file: Path, *, keys: pa.ChunkedArray, class_names: list[str]) -> Floats:
    """Return probabilities [N, K] in order of position, each row scaled to sum to exactly 1.

    Args:
        file: npz with an array named as in NAMES, columns in the order of the classes or named by
            `class_names`; or a table with one column per class. Rows in order of position, or named by
            `key` or `position`.
        keys: of the dataset's samples, in order of position.
        class_names: index = label.

    Raises:
        Invalid: the file, its columns or its rows cannot be used; the message says what was expected.

    """
    with file.open("rb") as opened:
        magic = opened.read(4)
    try:
        if magic == b"PK\x03\x04":
            rows, identifiers = _read_npz(file, class_names, len(keys))
        else:
            read_rows = _read_parquet if magic == b"PAR1" else _read_csv
            table = read_rows(file, class_names, len(keys))
            rows, identifiers = _read_table(table, class_names)
    except TableError as error:
        raise Invalid(str(error)) from error
    except (pa.ArrowException, zipfile.BadZipFile, ValueError, KeyError, OSError, MemoryError) as error:
        raise Invalid(f"probabilities must be npz, Parquet or CSV with numbers: {error}") from error
    return _normalise_rows(_order_by_position(rows, identifiers, keys))


@dataclass(frozen=True, kw_only=True)
class Identifiers:
    """What names the sample of each row."""

    column: str
    values: list[str]

    @property
    def are_positions(self) -> bool:
        """Return whether they are positions: the column's name says so, not its values."""
        return normalise_name(self.column) == POSITION


def _read_csv(file: Path, class_names: list[str], count: int) -> pa.Table:
    """Return the needed columns: probabilities as numbers, identifiers as text, so that 030 stays as it is.

    Only a block of the file is in memory at a time, and no more rows are read than there are samples.
    """
    with file.open("rb") as opened:
        style, _ = inspect_table(opened)
    columns = list(style.columns)
    if not columns:
        raise ValueError("found an empty table")
    indices = _find_columns(columns, class_names)
    identifier = _find_identifier(columns, indices)
    kept: list[pa.Table] = []
    for block in _read_plain_csv(file, style) if style.is_plain else _read_unusual_csv(file, style):
        fields = {columns[index]: block.column(index).cast(pa.float32()) for index in indices}
        if identifier is not None:
            fields[identifier] = block.column(columns.index(identifier))
        kept.append(pa.table(fields))
        found = sum(map(len, kept))
        if found > count:
            raise Invalid(f"expected one row for each of {count} samples, found {found} or more")
    if not kept:
        raise Invalid(f"expected one row for each of {count} samples, found none")
    return pa.concat_tables(kept)


def _read_plain_csv(file: Path, style: TableStyle) -> Iterator[pa.RecordBatch]:
    yield from csv.open_csv(
        file,
        read_options=csv.ReadOptions(
            block_size=BLOCK_BYTES,
            use_threads=False,
            column_names=list(style.columns),
            skip_rows=style.lines_before + style.header_lines,
            encoding=style.encoding,
        ),
        parse_options=csv.ParseOptions(delimiter=style.delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(style.columns, pa.string()), strings_can_be_null=False
        ),
    )


def _read_unusual_csv(file: Path, style: TableStyle) -> Iterator[pa.RecordBatch]:
    with file.open("rb") as opened:
        records = read_records(open_lines(opened, style.encoding), style)
        while some := list(islice(records, BLOCK_RECORDS)):
            for record in some:
                if record.is_ragged or record.width < len(style.columns):
                    found = f"{record.raw[:80]!r}"
                    raise Invalid(
                        f"expected {len(style.columns)} cells in row {record.number}, found {found}"
                    )
            cells = [
                pa.array([record.cells[at] for record in some], pa.string())
                for at in range(len(style.columns))
            ]
            yield pa.RecordBatch.from_arrays(cells, names=list(style.columns))


def _read_npz(file: Path, class_names: list[str], count: int) -> tuple[Floats, Identifiers | None]:
    with zipfile.ZipFile(file) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    sizes = {info.filename.removesuffix(".npy"): info.file_size for info in members}
    if len(sizes) < len(members):
        raise Invalid("expected every array of the npz once; found several of one name")
    name = next((name for name in NAMES if name in sizes), None)
    if name is None:
        raise Invalid(f"the npz needs an array named one of {list(NAMES)}, found {sorted(sizes)[:SHOWN]}")
    identifier_name = find_by_name(list(sizes), (*KEYS, POSITION))
    read_names = [other for other in ("class_names", identifier_name) if other in sizes]
    if sizes[name] > count * len(class_names) * 8 + HEADER_BYTES:
        raise Invalid(f"expected at most {count} rows of {len(class_names)} probabilities, found more")
    if any(sizes[other] > count * NAME_BYTES + HEADER_BYTES for other in read_names):
        raise Invalid(f"expected at most one name of 1,000 characters for each of {count} samples")
    with np.load(file, allow_pickle=False) as arrays:
        found = arrays[f"{name}.npy"]  # a member without .npy would be preferred
        others = {other: arrays[f"{other}.npy"] for other in read_names}
    if found.dtype.kind not in "fiu":
        raise Invalid(f"expected probabilities as numbers; found an array of {found.dtype}")
    rows = found.astype(np.float32)
    if rows.ndim != DIMENSIONS or rows.shape[1] != len(class_names):
        raise Invalid(f"expected {len(class_names)} probabilities in each row, found {list(rows.shape)}")
    if "class_names" in others:
        rows = rows[:, _find_columns(others["class_names"].astype(str).tolist(), class_names)]
    if identifier_name is None:
        return rows, None
    return rows, Identifiers(column=identifier_name, values=others[identifier_name].astype(str).tolist())


def _read_parquet(file: Path, class_names: list[str], count: int) -> pa.Table:
    """Return the needed columns, after checking the number of rows."""
    row_count = parquet.read_metadata(file).num_rows
    if row_count != count:
        raise Invalid(f"expected one row for each of {count} samples, found {row_count}")
    names = parquet.read_schema(file).names
    indices = _find_columns(names, class_names)
    needed = {*(names[index] for index in indices), _find_identifier(names, indices)}
    return parquet.read_table(file, columns=[name for name in names if name in needed])


def _read_table(table: pa.Table, class_names: list[str]) -> tuple[Floats, Identifiers | None]:
    indices = _find_columns(table.column_names, class_names)
    columns = [table.column(index) for index in indices]
    rows = np.stack([column.cast(pa.float32()).to_numpy() for column in columns], axis=1)
    name = _find_identifier(table.column_names, indices)
    if name is None:
        return rows, None
    return rows, Identifiers(
        column=name, values=["" if v is None else str(v) for v in table[name].to_pylist()]
    )


def _find_identifier(columns: list[str], class_columns: list[int]) -> str | None:
    """Return the column that names the samples; one of a class, such as a class "id", does not."""
    used = set(class_columns)
    others = [name for index, name in enumerate(columns) if index not in used]
    return find_by_name(others, (*KEYS, POSITION))


def _find_columns(columns: list[str], class_names: list[str]) -> list[int]:
    by_name = {make_comparable(strip_guard(name)): at for at, name in reversed(list(enumerate(columns)))}
    by_label = {format_label(strip_guard(name)): at for at, name in reversed(list(enumerate(columns)))}
    found = [by_name.get(make_comparable(name), by_label.get(name)) for name in class_names]
    missing = [name for name, at in zip(class_names, found, strict=True) if at is None]
    if missing:
        raise Invalid(
            f"expected a column for every class, found none for {missing[:SHOWN]} among {columns[:SHOWN]}"
        )
    return [at for at in found if at is not None]


def _order_by_position(rows: Floats, identifiers: Identifiers | None, keys: pa.ChunkedArray) -> Floats:
    """Return the rows in order of position."""
    if len(rows) != len(keys):
        raise Invalid(f"expected one row for each of {len(keys)} samples, found {len(rows)}")
    if identifiers is None:
        return rows
    position_of = _list_positions(identifiers, keys)
    comparable = _comparable_position if identifiers.are_positions else _comparable_key
    found = [position_of.get(comparable(value)) for value in identifiers.values]
    unknown = [value for value, at in zip(identifiers.values, found, strict=True) if at is None]
    if unknown:
        what = "position" if identifiers.are_positions else "key"
        raise Invalid(
            f"no sample has this {what}: {unknown[:SHOWN]} (the column {identifiers.column!r} was read as "
            f"the samples' {what}; a column named 'key' or 'id' holds keys, one named 'position' positions)"
        )
    order = np.array(found, dtype=np.int64)
    if len(np.unique(order)) != len(order):
        raise Invalid("the probabilities have more than one row for a sample")
    ordered = np.empty_like(rows)
    ordered[order] = rows
    return ordered


def _list_positions(identifiers: Identifiers, keys: pa.ChunkedArray) -> dict[str, int]:
    """Return the position of each identifier that a sample has."""
    if identifiers.are_positions:
        return {str(position): position for position in range(len(keys))}
    return {make_comparable(key): position for position, key in enumerate(keys.to_pylist())}


def _comparable_position(value: str) -> str:
    text = value.strip()
    return str(int(text)) if text.isascii() and text.isdigit() else text


def _comparable_key(value: str) -> str:
    return make_comparable(strip_guard(value))


def _normalise_rows(rows: Floats) -> Floats:
    sums = rows.sum(axis=1)
    is_wrong = ~np.isfinite(sums) | (rows < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE)
    if is_wrong.any():
        position = int(np.flatnonzero(is_wrong)[0])
        raise Invalid(
            "every row must be probabilities that sum to 1 (not logits),"
            f" found {rows[position][:SHOWN].tolist()} for position {position}"
        )
    scaled: Floats = rows / sums[:, None]
    return scaled
