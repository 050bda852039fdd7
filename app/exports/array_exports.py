"""Corrected npz files, written row by row: from the uploaded arrays or from the pack."""

import math
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from app.exports.files.npy_writer import write_npy, write_npz_members
from app.exports.files.zip_writer import ZipStream
from app.exports.final_labels import Decisions
from app.infra.errors import Invalid
from app.kinds.shown_kinds import find_shown_kind

BLOCK_BYTES = 1 << 22
Array = npt.NDArray[Any]
Rows = npt.NDArray[np.bool_]


def write_original_npz(decisions: Decisions) -> Iterator[bytes]:
    """Return the uploaded npz with final labels and without dropped samples in arrays of N rows."""
    with decisions.open(decisions.files[0]) as file, zipfile.ZipFile(file) as upload:
        labels = _collect_final_labels(decisions, upload)
    return _stream_npz(decisions, labels)


def _stream_npz(decisions: Decisions, labels: Array) -> Iterator[bytes]:
    archive = ZipStream()
    with decisions.open(decisions.files[0]) as file, zipfile.ZipFile(file) as upload:
        given = decisions.layout["label_column"]
        kept = np.zeros(_read_length(upload, given), dtype=np.bool_)
        kept[[row.source_row for row in decisions.iterate_kept_rows()]] = True
        unfiltered = {decisions.layout["class_names"], decisions.layout["features"]}
        for member in upload.namelist():
            name = member.removesuffix(".npy")
            if name == given:
                yield from archive.stream(member, write_npy(labels.dtype, labels.shape, [labels]))
            else:
                yield from archive.stream(
                    member, _filter_member(upload, member, kept, whole=name in unfiltered)
                )
    yield archive.finish()


def write_pack_npz(decisions: Decisions) -> Iterator[bytes]:
    """Yield an npz of the samples as training reads them, for any upload format."""
    rows = list(decisions.iterate_kept_rows())
    kept = np.array([row.position for row in rows])
    pack = decisions.pack
    arrays: dict[str, Array] = {
        "y": decisions.final_N[kept],
        "class_names": np.array(decisions.names, dtype=str),
        "ids": np.array([row.key for row in rows], dtype=str),
    }
    if any(row.split for row in rows):
        arrays["split"] = np.array([row.split or "" for row in rows], dtype=str)
    if any(row.true is not None for row in rows):
        true = [decisions.names[row.true] if row.true is not None else "" for row in rows]
        arrays["y_true"] = np.array(true, dtype=str)
    size = max(1, BLOCK_BYTES // max(1, pack[0].nbytes))
    select = find_shown_kind(decisions.dataset).select_values
    blocks = (select(pack[kept[start : start + size]]) for start in range(0, len(kept), size))
    first = select(pack[:1])
    archive = ZipStream()
    yield from archive.stream("x.npy", write_npy(first.dtype, (len(kept), *first.shape[1:]), blocks))
    yield from write_npz_members(archive, arrays)
    yield archive.finish()


def _filter_member(upload: zipfile.ZipFile, member: str, kept: Rows, *, whole: bool) -> Iterator[bytes]:
    with upload.open(member) as file:
        shape, fortran, dtype = _read_header(file)
        if whole or not shape or shape[0] != len(kept):
            yield from write_npy(dtype, shape, [_read(file, shape, dtype, fortran=fortran)])
            return
        target = (int(kept.sum()), *shape[1:])
        if fortran and len(shape) > 1:
            yield from write_npy(dtype, target, [_read(file, shape, dtype, fortran=True)[kept]])
            return
        yield from write_npy(dtype, target, _filter_rows(file, shape, dtype, kept))


def _filter_rows(file: IO[bytes], shape: Sequence[int], dtype: np.dtype[Any], kept: Rows) -> Iterator[Array]:
    row_bytes = dtype.itemsize * math.prod(shape[1:])
    size = max(1, BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, shape[0], size):
        mask = kept[start : start + size]
        yield _read(file, (len(mask), *shape[1:]), dtype)[mask]


def _read(file: IO[bytes], shape: Sequence[int], dtype: np.dtype[Any], *, fortran: bool = False) -> Array:
    data = file.read(dtype.itemsize * math.prod(shape))
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(file)


def _read_length(upload: zipfile.ZipFile, name: str) -> int:
    with upload.open(f"{name}.npy") as file:
        return _read_header(file)[0][0]


def _read_array(upload: zipfile.ZipFile, name: str) -> Array:
    with upload.open(f"{name}.npy") as file:
        shape, fortran, dtype = _read_header(file)
        return _read(file, shape, dtype, fortran=fortran)


def _collect_final_labels(decisions: Decisions, upload: zipfile.ZipFile) -> Array:
    """Return the final labels in the type and shape of the upload.

    Raises:
        Invalid: the type cannot hold a class that samples are changed to.

    """
    given = _read_array(upload, decisions.layout["label_column"])
    names = decisions.layout["class_names"]
    class_names = None if names is None else [str(name) for name in _read_array(upload, names).tolist()]
    converted = {
        label: _convert_class(decisions, label, given, class_names) for label in decisions.new_labels
    }
    source_rows: list[int] = []
    changed: dict[int, int] = {}
    for at, row in enumerate(decisions.iterate_kept_rows()):
        source_rows.append(row.source_row)
        if decisions.is_changed(row):
            changed[at] = int(decisions.final_N[row.position])
    labels = given[source_rows].copy()
    if labels.dtype.kind in "US" and converted:
        widest = np.array(list(converted.values()), dtype=labels.dtype.kind)
        labels = labels.astype(np.result_type(labels.dtype, widest))
    for at, label in changed.items():
        labels[at] = converted[label]
    return labels


def _convert_class(decisions: Decisions, label: int, given: Array, class_names: list[str] | None) -> object:
    """Return a class as the label array holds it: number, index of class names, text, or row with a one."""
    value, name = decisions.spellings[label], decisions.names[label]
    if decisions.layout.get("one_hot"):
        row = np.zeros(given.shape[1], dtype=given.dtype)
        row[int(str(value))] = 1
        return row
    if given.dtype.kind in "US":
        is_bytes = given.dtype.kind == "S"
        return value.encode() if is_bytes and isinstance(value, str) else value if is_bytes else str(value)
    if isinstance(value, str):  # an old dataset, or a class that only the correct labels have
        try:
            value = class_names.index(value) if class_names is not None else float(value)
        except ValueError:
            raise Invalid(
                f"the label array {decisions.layout['label_column']!r} of type {given.dtype} cannot hold the"
                f" class {name!r}, which no given label has; use format=npz"
            ) from None
    return given.dtype.type(value)
