"""Labels in Parquet that are lists of classes, as a sequence of names or of numbers of classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.reading.several_labels.label_sets import MEMBERS_MAX
from worker.formats.layouts.json_labels import read_json_label
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from worker.formats.shared.sample import Ingestion


def is_list(kind: pa.DataType) -> bool:
    """Return whether cells of a type are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_constant(batches: Iterable[pa.RecordBatch]) -> bool:
    """Return whether the only column has one list, the same wherever there is one; read until one differs."""
    first = None
    for batch in batches:
        lists = batch.column(0).drop_null()
        if not len(lists):
            continue
        first = lists[0].as_py() if first is None else first
        if not pc.all(pc.equal(pc.list_value_length(lists), len(first))).as_py():
            return False
        rows = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), len(first))
        if not (rows == np.array(first)).all():
            return False
    return True


def read_label_lists(column: pa.Array, ingestion: Ingestion) -> Iterator[object]:
    """Yield the label of each list: the list in JSON where labels are sets, else its only class.

    Raises:
        ListsNeeded: a list has several classes, and labels were not known to be sets.
        IngestError: the lists hold something else than names or whole numbers, or one is longer than there
            can be classes.

    """
    kind = column.type.value_type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        raise IngestError(
            "bad_dtype", f"expected labels as integers, strings, or lists of these; found {column.type}"
        )
    _check_lengths(column)
    for classes in column.to_pylist():
        yield None if classes is None else read_json_label(json.dumps(classes), ingestion)


def name_list_classes(column: pa.Array, names: Sequence[str]) -> pa.Array:
    """Return lists of numbers of classes as lists of their names.

    Raises:
        IngestError: a number has no name, or a list is longer than there can be classes.

    """
    _check_lengths(column)
    return pa.array(
        [
            None if numbers is None else [_name(number, names) for number in numbers]
            for numbers in column.to_pylist()
        ],
        pa.list_(pa.string()),
    )


def _check_lengths(column: pa.Array) -> None:
    longest = pc.max(pc.list_value_length(column)).as_py() or 0
    if longest > MEMBERS_MAX:  # a few bytes of Parquet can hold millions
        raise IngestError(
            "nested_label", f"expected lists of at most {MEMBERS_MAX:,} classes; found one of {longest:,}"
        )


def _name(number: object, names: Sequence[str]) -> str:
    if isinstance(number, int) and 0 <= number < len(names):
        return names[number]
    raise IngestError(
        "labels_without_name",
        f"expected lists of numbers from 0 to {len(names) - 1}, one for each class name; found"
        f" {make_printable(str(number))[:40]}",
    )
