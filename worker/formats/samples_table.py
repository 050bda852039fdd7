"""The samples table: final labels, unique keys, and where each original lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker.formats.labels import MISSING
from worker.formats.problems import IngestError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.sample import Ingestion
    from worker.formats.writing import Written

_NAMES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Final labels of N samples; `true` is -1 where unknown."""

    class_names: tuple[str, ...]
    given: NDArray[np.int32]
    true: NDArray[np.int32] | None

    @property
    def has_truth(self) -> bool:
        """Tell whether any true label is known."""
        return self.true is not None and bool((self.true != MISSING).any())


def final_labels(written: Written, ingestion: Ingestion) -> Labels:
    """Turn class codes of the kept samples into labels 0..K-1 in the order of the class names."""
    given = written.columns.given[written.rows]
    true = None if written.columns.true is None else written.columns.true[written.rows]
    check_labels(given, ingestion)
    used = np.zeros(len(ingestion.vocabulary.names), dtype=np.bool_)
    for codes in (given, true):
        if codes is not None:
            used[codes[codes != MISSING]] = True
    names, label_of_code = ingestion.vocabulary.ordered(used)
    return Labels(
        class_names=names, given=label_of_code[given], true=None if true is None else label_of_code[true]
    )


def check_labels(given: NDArray[np.int32], ingestion: Ingestion) -> None:
    """Refuse uploads with too few samples, one class only, or labels that are no classes."""
    limits, names = ingestion.limits, ingestion.vocabulary.names
    codes = np.unique(given)
    shown = ", ".join(repr(names[code]) for code in codes[:_NAMES_SHOWN])
    if len(given) < limits.min_samples:
        raise IngestError(
            "too_few_samples",
            f"expected at least {limits.min_samples} usable samples; found {len(given)} "
            f"({ingestion.problems.summary()})",
        )
    if len(codes) == 1:
        raise IngestError("one_class", f"expected at least 2 classes; found only {shown}")
    if len(codes) == len(given):
        raise IngestError(
            "labels_unique",
            f"expected classes with several samples; found {len(codes)} different labels for {len(given)} "
            f"samples ({shown}, ...): was a wrong column taken as the label?",
        )
    if len(codes) > limits.max_classes:
        raise IngestError(
            "too_many_classes", f"expected at most {limits.max_classes} classes; found {len(codes)}"
        )
    longest = max((names[code] for code in codes), key=len)
    if len(longest) > limits.max_text_length:
        raise IngestError(
            "label_too_long",
            f"expected class names of at most {limits.max_text_length} characters; "
            f"found {len(longest)}: {longest[:40]!r}...",
        )


def final_keys(written: Written, ingestion: Ingestion) -> list[str]:
    """Keys of the kept samples; a key that comes again gets "~2", "~3", ... and is logged."""
    if written.columns.keys is None:
        return [str(number) for number in written.row_numbers.tolist()]
    source = written.columns.keys
    keys = [source[row] for row in written.rows.tolist()]
    if any("\x00" in key or len(key) > ingestion.limits.max_text_length or not _is_utf8(key) for key in keys):
        keys = [printable(key)[: ingestion.limits.max_text_length] for key in keys]
    return keys if len(set(keys)) == len(keys) else _made_unique(keys, ingestion)


def _is_utf8(text: str) -> bool:
    return text.isascii() or printable(text) == text[:1000]


def _made_unique(keys: Sequence[str], ingestion: Ingestion) -> list[str]:
    taken = set(keys)
    seen: set[str] = set()
    copies: dict[str, int] = {}
    unique: list[str] = []
    for key in keys:
        name = key
        if key in seen:
            while name in taken:
                copies[key] = copies.get(key, 1) + 1
                name = f"{key}~{copies[key]}"
            taken.add(name)
            ingestion.problems.add(
                name, "duplicate_key", f"expected every key once; found {key!r} again, now {name!r}"
            )
        seen.add(name)
        unique.append(name)
    return unique


def final_splits(written: Written) -> list[str | None] | None:
    """List the splits of the kept samples as given; None where the upload has none."""
    found = written.columns.splits
    if found is None:
        return None
    storable = {split: None if split is None else printable(split) for split in set(found)}
    return [storable[found[row]] for row in written.rows.tolist()]


def write_samples(path: Path, written: Written, labels: Labels, keys: Sequence[str]) -> None:
    """Write the samples table: position, key, labels, split, size and location of the original."""
    count = len(keys)
    splits = final_splits(written)
    true = labels.true
    columns: dict[str, Any] = {
        "position": pa.array(np.arange(count, dtype=np.int64)),
        "key": pa.array(keys, pa.string()),
        "given_label": pa.array(labels.given),
        "true_label": _optional(true, pa.int32(), count, None if true is None else true == MISSING),
        "split": pa.nulls(count, pa.string()) if splits is None else pa.array(splits, pa.string()),
        "width": _optional(written.widths, pa.int32(), count),
        "height": _optional(written.heights, pa.int32(), count),
        **_location_columns(written, count),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def _location_columns(written: Written, count: int) -> dict[str, Any]:
    """Columns of source_*: the row in the upload, and for pictures in an archive member, offset and length.

    Offset and length are null where the original is not a run of bytes in the uploaded file.
    """
    names = None if written.names is None else [written.names[row] for row in written.rows.tolist()]
    found = written.locations
    offsets = None if found is None else found.offsets[written.rows]
    lengths = None if found is None else found.lengths[written.rows]
    methods = None if found is None else found.methods[written.rows]
    return {
        "source_row": pa.array(written.row_numbers, pa.int64()),
        "source_name": pa.nulls(count, pa.string()) if names is None else pa.array(names, pa.string()),
        "source_offset": _optional(offsets, pa.int64(), count),
        "source_length": _optional(lengths, pa.int64(), count),
        "source_method": _optional(methods, pa.int16(), count),
    }


def _optional(
    values: NDArray[Any] | None, kind: pa.DataType, count: int, missing: NDArray[np.bool_] | None = None
) -> pa.Array:
    return pa.nulls(count, kind) if values is None else pa.array(values, kind, mask=missing)
