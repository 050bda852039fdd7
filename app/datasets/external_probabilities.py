"""Probabilities of an external model, attached from npz, Parquet or CSV after checks of each row."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet
from sqlalchemy.orm import Session

from app.infra.errors import Invalid
from app.infra.storage import Storage
from app.tables import Dataset

NAMES = ("probabilities", "pred_probs", "predicted_probabilities")
IDENTIFIERS = ("key", "keys", "id", "ids", "position")
SHOWN = 5
HEADER_BYTES = 2**16
NAME_BYTES = 4 * 1_000
SUM_TOLERANCE = 0.01
DIMENSIONS = 2

Floats = npt.NDArray[np.float32]


def attach(session: Session, files: Storage, dataset: Dataset, file: Path) -> int:
    """Replace a dataset's probabilities by those of a file; return the number of samples with probabilities.

    Raises:
        Invalid: as for `read`.

    """
    samples = parquet.read_table(files.fetch_pack_file(dataset, "samples.parquet"), columns=["key"])
    rows = read(file, keys=samples["key"], class_names=dataset.class_names or [])
    checked = file.with_name(f"{file.name}.npy")
    np.save(checked, rows)
    with checked.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    files.move(checked, files.locate_probabilities(dataset.id))
    dataset.probabilities = {"probabilities_sha256": digest}
    session.flush()
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
            table = _read_parquet(file, class_names, len(keys)) if magic == b"PAR1" else csv.read_csv(file)
            rows, identifiers = _read_table(table, class_names)
    except (pa.ArrowException, zipfile.BadZipFile, ValueError, KeyError, OSError) as error:
        raise Invalid(f"probabilities must be npz, Parquet or CSV with numbers: {error}") from error
    return _normalise_rows(_order_by_position(rows, identifiers, keys))


def _read_npz(file: Path, class_names: list[str], count: int) -> tuple[Floats, pa.Array | None]:
    with zipfile.ZipFile(file) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    name = next((name for name in NAMES if name in sizes), None)
    if name is None:
        raise Invalid(f"the npz needs an array named one of {list(NAMES)}, found {sorted(sizes)[:SHOWN]}")
    read_names = [other for other in ("class_names", *IDENTIFIERS) if other in sizes]
    if sizes[name] > count * len(class_names) * 8 + HEADER_BYTES:
        raise Invalid(f"expected at most {count} rows of {len(class_names)} probabilities, found more")
    if any(sizes[other] > count * NAME_BYTES + HEADER_BYTES for other in read_names):
        raise Invalid(f"expected at most one name of 1,000 characters for each of {count} samples")
    with np.load(file, allow_pickle=False) as arrays:
        rows = np.asarray(arrays[name], dtype=np.float32)
        others = {other: arrays[other] for other in read_names}
    if rows.ndim != DIMENSIONS or rows.shape[1] != len(class_names):
        raise Invalid(f"expected {len(class_names)} probabilities in each row, found {list(rows.shape)}")
    if "class_names" in others:
        rows = rows[:, _find_columns(others["class_names"].astype(str).tolist(), class_names)]
    identifier = next((others[other] for other in IDENTIFIERS if other in others), None)
    return rows, None if identifier is None else pa.array(identifier.astype(str))


def _read_parquet(file: Path, class_names: list[str], count: int) -> pa.Table:
    """Return the needed columns, after checking the number of rows."""
    row_count = parquet.read_metadata(file).num_rows
    if row_count != count:
        raise Invalid(f"expected one row for each of {count} samples, found {row_count}")
    needed = {*class_names, *IDENTIFIERS}
    return parquet.read_table(
        file, columns=[name for name in parquet.read_schema(file).names if name in needed]
    )


def _read_table(table: pa.Table, class_names: list[str]) -> tuple[Floats, pa.Array | None]:
    columns = [table.column(index) for index in _find_columns(table.column_names, class_names)]
    rows = np.stack([column.cast(pa.float32()).to_numpy() for column in columns], axis=1)
    name = next((name for name in IDENTIFIERS if name in table.column_names), None)
    return rows, None if name is None else table[name].cast(pa.string()).combine_chunks()


def _find_columns(columns: list[str], class_names: list[str]) -> list[int]:
    missing = [name for name in class_names if name not in columns]
    if missing:
        raise Invalid(f"expected a column for every class, found none for {missing[:SHOWN]}")
    return [columns.index(name) for name in class_names]


def _order_by_position(rows: Floats, identifiers: pa.Array | None, keys: pa.ChunkedArray) -> Floats:
    """Return the rows in order of position."""
    if len(rows) != len(keys):
        raise Invalid(f"expected one row for each of {len(keys)} samples, found {len(rows)}")
    if identifiers is None:
        return rows
    position = pc.index_in(identifiers, value_set=keys.combine_chunks())
    if position.null_count == len(position):
        position = pc.index_in(identifiers, value_set=pa.array([str(each) for each in range(len(keys))]))
    if position.null_count:
        unknown = identifiers.filter(pc.is_null(position)).to_pylist()[:SHOWN]
        raise Invalid(f"no sample has this key or position: {unknown}")
    order = position.to_numpy(zero_copy_only=False)
    if len(np.unique(order)) != len(order):
        raise Invalid("the probabilities have more than one row for a sample")
    ordered = np.empty_like(rows)
    ordered[order] = rows
    return ordered


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
