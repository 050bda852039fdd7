"""Corrected npz files, written row by row: from the uploaded arrays or from the pack."""

import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from app.exports.files.npy_writer import write_npy, write_npz_members
from app.exports.files.stored_samples import SampleRow
from app.exports.files.zip_writer import ZipStream
from app.exports.final_labels import Decisions
from app.infra.errors import Invalid
from app.kinds.shown_kinds import find_shown_kind

BLOCK_BYTES = 1 << 22
TEXT_ROWS = 256
Array = npt.NDArray[Any]
Rows = npt.NDArray[np.bool_]
FindText = Callable[[SampleRow], str]


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
        kept[np.fromiter((row.source_row for row in decisions.iterate_kept_rows()), np.int64)] = True
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
    kept = np.fromiter((row.position for row in decisions.iterate_kept_rows()), np.int32)
    pack = decisions.pack
    size = max(1, BLOCK_BYTES // max(1, pack[0].nbytes))
    select = find_shown_kind(decisions.dataset).select_values
    blocks = (select(pack[kept[start : start + size]]) for start in range(0, len(kept), size))
    first = select(pack[:1])
    archive = ZipStream()
    yield from archive.stream("x.npy", write_npy(first.dtype, (len(kept), *first.shape[1:]), blocks))
    arrays: dict[str, Array] = {
        "y": decisions.final_N[kept],
        "class_names": np.array(decisions.names, dtype=str),
    }
    yield from write_npz_members(archive, arrays)
    for name, find_text in _list_texts(decisions).items():
        yield from archive.stream(f"{name}.npy", _write_texts(decisions, find_text, len(kept)))
    yield archive.finish()


def _list_texts(decisions: Decisions) -> dict[str, FindText]:
    """Return the arrays of texts: ids, and what some samples have of the rest."""
    names = decisions.names
    has_split = any(row.split for row in decisions.iterate_kept_rows())
    has_true = any(row.true is not None for row in decisions.iterate_kept_rows())
    texts: dict[str, FindText] = {"ids": lambda row: row.key}
    if has_split:
        texts["split"] = lambda row: row.split or ""
    if has_true:
        texts["y_true"] = lambda row: names[row.true] if row.true is not None else ""
    return texts


def _write_texts(decisions: Decisions, find_text: FindText, count: int) -> Iterator[bytes]:
    """Yield an npy file of one text a kept sample; NumPy's texts are all as wide as the longest."""
    widest = max((len(find_text(row)) for row in decisions.iterate_kept_rows()), default=1)
    dtype = np.dtype(f"U{max(1, widest)}")
    rows = decisions.iterate_kept_rows()
    blocks = iter(lambda: [find_text(row) for row in islice(rows, TEXT_ROWS)], [])
    yield from write_npy(dtype, (count,), (np.array(block, dtype) for block in blocks))


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
