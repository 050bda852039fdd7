"""MNIST's IDX files: big-endian arrays whose header holds only dtype and shape."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.array_checks import check_lengths
from worker.formats.shared.columns import quote_names
from worker.formats.shared.label_codes import get_natural_key
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.sample import ArrayImages, Columns
from worker.kinds.image_arrays import read_image_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.sample import Ingestion

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_QMNIST_COLUMNS = 8
"""Class, series, writer and five more numbers of each digit (Yadav and Bottou, 2019)."""
_TRUTH_WORDS = ("true", "truth", "clean")
_SPLIT_OF_PREFIX = {"t10k": "test"}


def open_idx(uploads: Sequence[Upload], ingestion: Ingestion) -> ArrayImages:
    """Open pictures with their labels: one set, or several with different prefixes (train-, t10k-)."""
    arrays = {
        upload.name: read_idx(upload)
        for upload in sorted(uploads, key=lambda upload: get_natural_key(upload.name))
    }
    labels = {name: labels for name, array in arrays.items() if (labels := _take_labels(array)) is not None}
    pictures = {name: array for name, array in arrays.items() if name not in labels}
    if not pictures or not labels:
        raise IngestError(
            "incomplete_idx",
            f"expected one IDX file of pictures and one of labels; found {quote_names(list(arrays))}",
        )
    ordered = sorted(pictures, key=lambda name: (_find_prefix(name) != "train", get_natural_key(name)))
    sets = [_find_labels(name, pictures[name], labels, alone=len(pictures) == 1) for name in ordered]
    with_truth = any(true is not None for _, true in sets)
    encode = ingestion.vocabulary.encode_array
    columns = Columns(
        given=np.concatenate([encode(given) for given, _ in sets]),
        true=np.concatenate([_encode_truth(given, true, ingestion) for given, true in sets])
        if with_truth
        else None,
        splits=_list_splits(ordered, pictures) if len(ordered) > 1 else None,
    )
    return read_image_array("idx", _stack_sets([pictures[name] for name in ordered]), columns, ingestion)


def _take_labels(array: NDArray[Any]) -> NDArray[Any] | None:
    """Return the labels of an array [N], or [N, 8] as QMNIST has them; None for pictures."""
    if array.ndim == 1:
        return array
    is_table = array.ndim == 2 and array.shape[1] == _QMNIST_COLUMNS and array.dtype.itemsize == 4  # noqa: PLR2004 - [N, 8] of 32 bits
    return array[:, 0] if is_table else None


def _encode_truth(given: NDArray[Any], true: NDArray[Any] | None, ingestion: Ingestion) -> NDArray[np.int32]:
    return (
        np.full(len(given), -1, dtype=np.int32)
        if true is None
        else ingestion.vocabulary.encode_array(true, is_truth=True)
    )


def read_idx(upload: Upload) -> NDArray[Any]:
    """Memory-map the array of an IDX file; IngestError if its length does not match its header."""
    with upload.path.open("rb") as file:
        head = file.read(4 + 4 * 4)
    dtype, sides = np.dtype(_DTYPES[head[2]]), head[3]
    offset = 4 + 4 * sides
    if len(head) < offset:
        raise IngestError(
            "broken_idx",
            f"expected {offset} bytes of header in {make_printable(upload.name)!r}; found {len(head)}",
        )
    shape = struct.unpack_from(f">{sides}I", head, 4)
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    found = upload.path.stat().st_size - offset
    if expected != found:
        raise IngestError(
            "broken_idx",
            f"expected {expected} bytes for {list(shape)} in {make_printable(upload.name)!r}; found {found}",
        )
    if not expected:
        return np.empty(shape, dtype=dtype)
    return np.memmap(upload.path, dtype=dtype, mode="r", offset=offset, shape=shape)


def _find_prefix(name: str) -> str:
    """Return the beginning of a file name that pictures and labels of one set share."""
    base = name.rsplit("/", 1)[-1].lower()
    for word in ("images", "labels", *_TRUTH_WORDS):
        base = base.split(word, 1)[0]
    return base.strip("-_. ")


def _find_labels(
    name: str, pictures: NDArray[Any], labels: dict[str, NDArray[Any]], *, alone: bool
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the given and true labels of a set of pictures."""
    own = [label for label in labels if alone or _find_prefix(label) == _find_prefix(name)]
    true = [label for label in own if any(word in label.rsplit("/", 1)[-1].lower() for word in _TRUTH_WORDS)]
    given = [label for label in own if label not in true]
    if len(given) != 1 or len(true) > 1:
        raise IngestError(
            "incomplete_idx",
            f"expected one file of labels for {make_printable(name)!r}, and at most one named true or clean; "
            f"found {quote_names(own)}",
        )
    lengths = {"labels": len(labels[given[0]]), "true labels": len(labels[true[0]]) if true else None}
    check_lengths(len(pictures), lengths)
    return labels[given[0]], labels[true[0]] if true else None


def _list_splits(ordered: Sequence[str], pictures: dict[str, NDArray[Any]]) -> list[str | None]:
    splits: list[str | None] = []
    for name in ordered:
        prefix = _find_prefix(name)
        splits += [_SPLIT_OF_PREFIX.get(prefix, prefix) or None] * len(pictures[name])
    return splits


def _stack_sets(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Stack sets of one shape in one array."""
    if len({part.shape[1:] for part in parts}) > 1:
        raise IngestError(
            "bad_shape", f"expected pictures of one shape; found {[list(part.shape) for part in parts]}"
        )
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
