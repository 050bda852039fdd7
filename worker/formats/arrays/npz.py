"""NumPy's npz: named arrays, memory-mapped in the upload or after unpacking, never unpickled."""

from __future__ import annotations

import re
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format

from models.reading.column_names import list_by_name
from worker.formats.archives.split_names import find_split
from worker.formats.shared.array_checks import check_lengths, split_blocks
from worker.formats.shared.columns import (
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    find_column,
    quote_names,
    require_column,
)
from worker.formats.shared.label_codes import format_label
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.sample import Columns
from worker.kinds.array_readers import ARRAY_READERS, find_array_reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from worker.formats.archives.zips import ZipArchive
    from worker.formats.shared.sample import Ingestion, Source

_CONTENT = (
    *("images", "image", "x", "features", "data", "embeddings"),
    *(name for reader in ARRAY_READERS for name in reader.names),
)
_GIVEN = (*LABELS, "given_labels")
_TRAIN_CONTENT = ("x_train", "train_images", "train_x", "train_data")
_TRAIN_GIVEN = ("y_train", "train_labels", "train_y", "train_target")
"""As Keras and MedMNIST name them; the other splits are not read."""
_UNNAMED = re.compile(r"arr_\d+")
_CLASS_NAMES = ("class_names", "classes", "label_names", "target_names")
_FEATURE_NAMES = ("feature_names", "columns")
_SHOWN = 5
_DIGITS = 9
"""Longer numbers are no indices of class names."""
_HEADER_ERRORS = (
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    OSError,
    RecursionError,
    MemoryError,
    OverflowError,
    TokenError,
)


def open_npz(archive: ZipArchive, ingestion: Ingestion) -> Source:
    """Open the samples of an npz with their labels."""
    members = {name.removesuffix(".npy"): member for member, name in enumerate(archive.names)}
    names, options = list(members), ingestion.options
    _check_named(names)
    content_name = require_column(names, None, (*_CONTENT, *_TRAIN_CONTENT), "pictures or features")
    given_name = require_column(
        names, options.label_column, (*_GIVEN, *_TRAIN_GIVEN), "labels", option="label_column"
    )
    _note_other_splits(content_name, names, ingestion)
    usual = list_by_name(names, _GIVEN)
    if len(usual) > 1 and options.label_column is None:
        ingestion.understood.note(
            "label_chosen",
            f"several arrays have names of labels ({quote_names(usual)}): {given_name!r} was taken",
            option="label_column",
        )
    class_names_name = find_column(names, None, _CLASS_NAMES)
    feature_names_name = find_column(names, None, _FEATURE_NAMES)
    ingestion.layout.update(
        content=content_name,
        label_column=given_name,
        class_names=class_names_name,
        features=feature_names_name,
    )

    def find_array(name: str | None) -> NDArray[Any] | None:
        return None if name is None else map_array(archive, members[name], ingestion)

    content = map_array(archive, members[content_name], ingestion)
    class_names, feature_names = find_array(class_names_name), find_array(feature_names_name)

    def read_feature_names() -> list[str] | None:
        return None if feature_names is None else _read_texts(feature_names, "feature names", ingestion)

    columns = _make_columns(
        len(content) if content.ndim else 0,
        given=map_array(archive, members[given_name], ingestion),
        true=find_array(find_column(names, options.truth_column, TRUTHS)),
        keys=find_array(find_column(names, options.key_column, KEYS)),
        splits=find_array(find_column(names, options.split_column, SPLIT_NAMES)),
        class_names=None
        if class_names is None
        else _flatten_column(class_names, "class names", ingestion).tolist(),
        ingestion=ingestion,
    )
    reader = find_array_reader(content_name, content)
    return reader.read("npz", content, columns, ingestion, read_feature_names)


def _check_named(names: Sequence[str]) -> None:
    """Refuse arrays that were saved without names."""
    if names and all(_UNNAMED.fullmatch(name) for name in names):
        raise IngestError(
            "missing_column",
            f"expected named arrays; found {quote_names(names)}, which np.savez writes without names "
            "(name them: np.savez('data.npz', x=images, y=labels))",
        )


def _note_other_splits(content: str, names: Sequence[str], ingestion: Ingestion) -> None:
    """Note the arrays of other splits beside those of the training set."""
    others = [name for name in names if (split := find_split(name)) and not split.startswith("tr")]
    if content.lower() in _TRAIN_CONTENT and others:
        ingestion.understood.note(
            "splits_not_read",
            f"only {content!r} and its labels were read; {quote_names(others)} were not (save them as "
            "another npz with x and y, or all together with an array split)",
        )


def _make_columns(
    count: int,
    *,
    given: NDArray[Any],
    true: NDArray[Any] | None,
    keys: NDArray[Any] | None,
    splits: NDArray[Any] | None,
    class_names: Sequence[object] | None,
    ingestion: Ingestion,
) -> Columns:
    """Return label codes, keys and splits from the arrays beside the content."""
    given = _flatten_column(_find_ones(given, ingestion), "labels", ingestion)
    true = None if true is None else _flatten_column(_find_ones(true, ingestion), "true labels", ingestion)
    key_texts = None if keys is None else _read_texts(keys, "ids", ingestion)
    split_texts = None if splits is None else _read_texts(splits, "splits", ingestion)
    check_lengths(
        count,
        {
            "labels": len(given),
            "true labels": None if true is None else len(true),
            "ids": None if key_texts is None else len(key_texts),
            "splits": None if split_texts is None else len(split_texts),
        },
    )
    return Columns(
        given=_encode_labels(given, class_names, ingestion, is_truth=False),
        true=None if true is None else _encode_labels(true, class_names, ingestion, is_truth=True),
        keys=key_texts,
        splits=split_texts,
    )


def _find_ones(labels: NDArray[Any], ingestion: Ingestion) -> NDArray[Any]:
    """Return the columns of the ones, if the labels are rows with a single one; else the labels."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "biuf":  # noqa: PLR2004 - [N, K]
        return labels
    for start, stop in split_blocks(labels):
        block = labels[start:stop]
        if not (((block == 0) | (block == 1)).all() and (block.sum(axis=1) == 1).all()):
            return labels
    ingestion.layout["one_hot"] = True
    ingestion.understood.note(
        "one_hot", f"labels are rows of {labels.shape[1]} numbers with a single 1; its column is the class"
    )
    columns: NDArray[Any] = np.argmax(labels, axis=1)
    return columns


def _encode_labels(
    labels: NDArray[Any], class_names: Sequence[object] | None, ingestion: Ingestion, *, is_truth: bool
) -> NDArray[np.int32]:
    vocabulary = ingestion.vocabulary
    if class_names is not None and _are_indices(labels):
        numbers = labels.astype(np.int64)
        ingestion.numbers.add("npz", numbers, class_names, is_truth=is_truth)
        ingestion.numbers.check(ingestion.understood)
        return vocabulary.encode_numbered(numbers, class_names)
    if class_names is not None:
        texts = [str(format_label(name)) for name in class_names]
        if labels.dtype.kind in "US":
            _read_numbers(labels, texts, ingestion, is_truth=is_truth)
        vocabulary.set_order(texts)
    return vocabulary.encode_array(labels, is_truth=is_truth)


def _read_numbers(
    labels: NDArray[Any], class_names: Sequence[str], ingestion: Ingestion, *, is_truth: bool
) -> None:
    """Let texts such as "0" and "1" be the classes that they number; others without a name are noted."""
    found = {text for value in np.unique(labels).tolist() if (text := format_label(value)) is not None}
    if not found or not found.isdisjoint(class_names):
        return
    if all(text.isascii() and text.isdecimal() and len(text) <= _DIGITS for text in found):
        numbers = np.array(sorted(map(int, found)))
        if numbers[0] > 0 or numbers[-1] < len(class_names):
            ingestion.numbers.add("npz", numbers, class_names, is_truth=is_truth)
            ingestion.numbers.check(ingestion.understood)
            for text in found:
                ingestion.vocabulary.add_alias(text, class_names[int(text)])
            return
    ingestion.understood.note(
        "class_names_not_used",
        f"the class names ({quote_names(class_names[:_SHOWN])}) were not used: the labels are others "
        f"({quote_names(sorted(found)[:_SHOWN])})",
    )


def _are_indices(labels: NDArray[Any]) -> bool:
    """Return whether labels can number a list of class names: integers, truth values or whole floats."""
    if labels.dtype.kind == "f":
        return bool((np.isfinite(labels) & (labels == np.floor(labels))).all())
    return labels.dtype.kind in "biu"


def _flatten_column(array: NDArray[Any], what: str, ingestion: Ingestion) -> NDArray[Any]:
    """Return an array with one value for each sample; IngestError for other shapes, dtypes and lengths."""
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - N, 1
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "biufUS":
        raise IngestError(
            "bad_shape",
            f"expected {what} as one array [N] of numbers or strings; "
            f"found {list(array.shape)} of {array.dtype}",
        )
    if (
        len(array) > ingestion.limits.max_members
        or array.dtype.itemsize > 4 * ingestion.limits.max_text_length
    ):
        raise IngestError(
            "too_many_samples",
            f"expected at most {ingestion.limits.max_members} {what} of at most "
            f"{ingestion.limits.max_text_length} characters; found {len(array)} of {array.dtype}",
        )
    return array


def _read_texts(array: NDArray[Any], what: str, ingestion: Ingestion) -> list[str]:
    return [format_label(value) or "" for value in _flatten_column(array, what, ingestion).tolist()]


def map_array(archive: ZipArchive, member: int, ingestion: Ingestion) -> NDArray[Any]:
    """Memory-map the array of a member: in the upload if it is stored, else in an unpacked copy."""
    name = make_printable(archive.names[member])
    if archive.is_stored(member):
        archive.verify(member)
        path, base = archive.path, archive.find_data_offset(member)
    else:
        path, base = ingestion.staging / f"array-{member}.npy", 0
        archive.extract(member, path)
    ingestion.alive()
    with path.open("rb") as file:
        file.seek(base)
        shape, fortran, dtype = _read_header(file, name)
        offset = file.tell()
    count = int(np.prod(shape, dtype=object)) if shape else 1
    found = archive.get_size(member) - (offset - base)
    if count * dtype.itemsize > found:
        raise IngestError(
            "broken_member", f"expected {count * dtype.itemsize} bytes of data in {name!r}; found {found}"
        )
    if count * dtype.itemsize == 0:
        return np.empty(shape, dtype=dtype)
    mapped: NDArray[Any] = np.memmap(
        path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran else "C"
    )
    return mapped


def _read_header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and dtype of an array; IngestError for objects and records."""
    try:
        version = npy_format.read_magic(file)
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except _HEADER_ERRORS as error:
        raise IngestError("bad_array", f"expected {name!r} to be a NumPy array; found: {error}") from None
    if dtype.hasobject:
        raise IngestError(
            "object_array",
            f"expected plain numbers or strings in {name!r}; found Python objects, which are never unpickled "
            "(for strings use np.array(labels, dtype=str))",
        )
    if dtype.names is not None or dtype.subdtype is not None or any(side < 0 for side in shape):
        raise IngestError("bad_array", f"expected a plain array in {name!r}; found {dtype} {list(shape)}")
    return shape, fortran, dtype
