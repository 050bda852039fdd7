"""Parquet: encoded pictures in the layout of Hugging Face datasets, or features in columns or lists."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from worker.formats.archives.split_names import find_split
from worker.formats.shared.array_checks import check_count
from worker.formats.shared.class_columns import suggest_classes
from worker.formats.shared.column_roles import choose_roles, describe_values, has_codes
from worker.formats.shared.columns import (
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    check_distinct,
    find_column,
    require_column,
)
from worker.formats.shared.compact_texts import Texts, count_repeated
from worker.formats.shared.own_rows import list_own
from worker.formats.shared.problems import IngestError, SampleError
from worker.formats.shared.sample import (
    CellsNeeded,
    Columns,
    Documents,
    EncodedChunk,
    EncodedImages,
    FeatureBatch,
    Features,
)
from worker.formats.tables.csv_features import check_numbers, encode_distinct, read_columns
from worker.formats.tables.mixed_tables import describe_columns, make_table
from worker.formats.tables.number_texts import mixes_signs, read_numbers
from worker.formats.tables.parquet_lists import is_constant, is_list, read_label_lists
from worker.formats.tables.parquet_shards import ERRORS, Shards, make_broken_error, name_classes, open_shards
from worker.kinds.feature_arrays import check_width, convert_to_float32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.column_roles import ColumnRoles, Peek
    from worker.formats.shared.sample import Ingestion, Table

_PICTURES = ("image", "img", "picture", "jpg", "png")
_EMBEDDINGS = ("embedding", "embeddings", "features", "feature", "x", "vector")
_CHUNK_ROWS = 32
_BATCH_ROWS = 8192
_PEEKED = 200


def open_parquet(
    uploads: Sequence[Upload], ingestion: Ingestion
) -> EncodedImages | Features | Table | Documents:
    """Open the pictures or features of one or several shards."""
    shards = open_shards(uploads, ingestion)
    check_distinct(shards.schema.names)
    check_count(shards.rows, ingestion)
    ingestion.layout["parts"] = list(shards.names)
    picture = _find_picture_column(shards.schema)
    return (
        _open_features(shards, ingestion) if picture is None else _open_pictures(shards, picture, ingestion)
    )


def _list_splits(shards: Shards) -> list[str | None] | None:
    """Return the split of every row, from the names of the shards."""
    splits = [find_split(name) for name in shards.names]
    if not any(splits):
        return None
    counts = [file.metadata.num_rows for file in shards.files]
    return [split for split, count in zip(splits, counts, strict=True) for _ in range(count)]


def _find_picture_column(schema: pa.Schema) -> str | None:
    """Return the column of encoded pictures: a struct with bytes, or bytes under a usual name."""
    structs = [
        field.name
        for field in schema
        if _is_bytes(_find_bytes_type(field.type)) and pa.types.is_struct(field.type)
    ]
    if structs:
        return find_column(structs, None, _PICTURES) or str(structs[0])
    return find_column([field.name for field in schema if _is_bytes(field.type)], None, _PICTURES)


def _find_bytes_type(kind: pa.DataType) -> pa.DataType:
    names = [kind.field(index).name for index in range(kind.num_fields)] if pa.types.is_struct(kind) else []
    return kind.field(names.index("bytes")).type if "bytes" in names else kind


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _open_pictures(shards: Shards, picture: str, ingestion: Ingestion) -> EncodedImages:
    """Open pictures with their labels: small columns are read now, pictures while they are decoded."""

    def read_chunks() -> Iterator[EncodedChunk]:
        start = 0
        for batch in shards.read_batches([picture], _CHUNK_ROWS, ingestion.limits):
            yield EncodedChunk(
                start=start, count=batch.num_rows, load=_make_loader(batch.column(0), ingestion)
            )
            start += batch.num_rows

    return EncodedImages(
        format="parquet_images",
        columns=_read_picture_columns(shards, picture, ingestion),
        chunks=read_chunks,
        probe=lambda count: _sample_pictures(shards, picture, count, ingestion),
    )


def _make_loader(column: pa.Array, ingestion: Ingestion) -> Callable[[int], bytes]:
    """Return a function that loads the picture of a row of a chunk."""
    if pa.types.is_struct(column.type):
        column = column.flatten()[column.type.get_field_index("bytes")]

    def load(row: int) -> bytes:
        data = column[row].as_py()
        if data is None:
            raise SampleError("missing_picture", "expected the picture's bytes in the table; found none")
        if len(data) > ingestion.limits.max_member_bytes:
            raise SampleError(
                "member_too_large",
                f"expected at most {ingestion.limits.max_member_bytes} bytes; found {len(data)}",
            )
        return bytes(data)

    return load


def _sample_pictures(shards: Shards, picture: str, count: int, ingestion: Ingestion) -> Iterator[bytes]:
    """Yield the first pictures of evenly spaced row groups."""
    groups = [(file, group) for file in shards.files for group in range(file.metadata.num_row_groups)]
    chosen = sorted(set(np.linspace(0, len(groups) - 1, min(count, len(groups))).astype(int).tolist()))
    each = max(1, count // max(1, len(chosen)))
    for file, group in (groups[index] for index in chosen):
        try:
            batch = next(
                file.iter_batches(min(each, _CHUNK_ROWS), row_groups=[group], columns=[picture]), None
            )
        except ERRORS as error:
            raise make_broken_error(shards.names[shards.files.index(file)], error) from None
        load = _make_loader(batch.column(0), ingestion) if batch else None
        for row in range(batch.num_rows if batch else 0):
            try:
                yield load(row)  # type: ignore[misc]
            except SampleError:
                continue


def _read_picture_columns(shards: Shards, picture: str, ingestion: Ingestion) -> Columns:
    """Read labels, true labels, keys and splits of all rows."""
    every, options = [name for name in shards.schema.names if name != picture], ingestion.options
    classes = ingestion.classes.choose(every, options.class_columns)
    label = None if classes else _require_label(every, shards, ingestion)
    others = [name for name in every if name != label and name not in classes]
    truth = None if classes else find_column(others, options.truth_column, TRUTHS)
    key = find_column(others, options.key_column, KEYS)
    split = find_column(others, options.split_column, SPLIT_NAMES)
    ingestion.understood.facts["columns"] = {
        "picture": picture, "label": label, "truth": truth, "key": key, "split": split,
    }  # fmt: skip
    if label is not None:
        ingestion.layout["label_column"] = label
        name_classes(shards, label, truth, ingestion)
    own = ingestion.own
    rest = [name for name in others if name not in (truth, key, split) and _is_plain(shards.schema, name)]
    own.choose(list_own(rest), ingestion.understood)
    given: list[NDArray[np.int32]] = []
    true: list[NDArray[np.int32]] = []
    keys = Texts()
    splits: list[str | None] = []
    used = sorted({name for name in (label, truth, key, split, *classes, *own.names) if name})
    for batch in shards.read_batches(used, _BATCH_ROWS, ingestion.limits):
        own.append({name: batch.column(name).to_pylist() for name in own.names})
        given.append(
            ingestion.classes.encode_block(batch, classes, ingestion.vocabulary)
            if label is None
            else encode_labels(batch.column(label), ingestion, is_truth=False)
        )
        if truth is not None:
            true.append(encode_labels(batch.column(truth), ingestion, is_truth=True))
        for value in [] if key is None else batch.column(key).to_pylist():
            keys.append("" if value is None else str(value))
        found = [] if split is None else batch.column(split).to_pylist()
        splits += [None if value in (None, "") else sys.intern(str(value)) for value in found]
    return Columns(
        given=np.concatenate([np.empty(0, dtype=np.int32), *given]),
        true=None if truth is None else np.concatenate([np.empty(0, dtype=np.int32), *true]),
        keys=_read_paths(shards, picture, ingestion) if key is None else keys,
        splits=_list_splits(shards) if split is None else splits,
    )


def _require_label(names: Sequence[str], shards: Shards, ingestion: Ingestion) -> str:
    """Return the label column; columns of 0 and 1 are named if there is none."""
    try:
        return require_column(names, ingestion.options.label_column, LABELS, "label", option="label_column")
    except IngestError as error:
        peek = _peek_values(shards, ingestion)
        hint = suggest_classes({name: peek[name] for name in names if name in peek})
        raise IngestError(error.code, f"{error.message}{hint}") from None


def _is_plain(schema: pa.Schema, name: str) -> bool:
    kind = schema.field(name).type
    return not pa.types.is_nested(kind) and not _is_bytes(kind)


def encode_labels(column: pa.Array, ingestion: Ingestion, *, is_truth: bool) -> NDArray[np.int32]:
    """Return the codes of a label column of plain values, or of lists of classes.

    Raises:
        ListsNeeded: a list has several classes, and labels were not known to be sets.

    """
    kind = column.type
    if is_list(kind):
        return ingestion.vocabulary.encode(read_label_lists(column, ingestion), is_truth=is_truth)
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind) or _is_bytes(kind):
        raise IngestError("bad_dtype", f"expected labels as integers or strings; found {kind}")
    return encode_distinct(column, ingestion, is_truth=is_truth)


def _read_paths(shards: Shards, picture: str, ingestion: Ingestion) -> Texts | None:
    """Return the file names beside the pictures' bytes as keys; None unless every row has a different one."""
    kind = shards.schema.field(picture).type
    if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
        return None
    paths = Texts()
    for batch in shards.read_batches([f"{picture}.path"], _BATCH_ROWS, ingestion.limits):
        for path in batch.column(0).flatten()[0].to_pylist():
            if not isinstance(path, str) or not path:
                return None
            paths.append(path)
    return None if count_repeated(paths) else paths


def _open_features(shards: Shards, ingestion: Ingestion) -> Features | Table | Documents:
    """Open features: numeric columns, or one column of lists of one length; else whatever the cells are."""
    peek = _peek_values(shards, ingestion)
    columns = choose_roles(shards.schema.names, peek, ingestion)
    if columns.label is not None:
        name_classes(shards, columns.label, columns.truth, ingestion)
    columns = _leave_out_constants(shards, columns, ingestion)
    lists = [name for name in columns.features if is_list(shards.schema.field(name).type)]
    embedding = find_column(lists, None, _EMBEDDINGS) or (lists[0] if len(lists) == 1 else None)
    if embedding is None:
        if ingestion.reads_cells:
            return _open_cells(shards, columns, ingestion)
        _check_numeric(shards.schema, columns)
        if any(has_codes(peek.get(name, [])) for name in columns.features):
            raise CellsNeeded
        names = columns.features
    else:
        _note_beside(embedding, columns, ingestion)
        names = [f"{embedding}[{index}]" for index in range(_find_list_length(shards, embedding, ingestion))]
    check_width(len(names), ingestion)
    return Features(
        format="parquet_features",
        names=names,
        batches=_read_feature_batches(shards, columns, embedding, len(names), ingestion),
        total=shards.rows,
    )


def _leave_out_constants(shards: Shards, columns: ColumnRoles, ingestion: Ingestion) -> ColumnRoles:
    """Leave out lists of numbers that are the same in every row: as an embedding they would tell nothing."""
    for name in columns.features:
        kind = shards.schema.field(name).type
        if not is_list(kind) or not (
            pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)
        ):
            continue
        if len(columns.features) > 1 and is_constant(
            shards.read_batches([name], _BATCH_ROWS, ingestion.limits)
        ):
            reason = "the same in every row"
            ingestion.understood.leave_out(name, reason)
            ingestion.understood.note("column_left_out", f"column {name!r} is not a feature: it is {reason}")
            columns = replace(columns, features=[each for each in columns.features if each != name])
    return columns


def _note_beside(embedding: str, columns: ColumnRoles, ingestion: Ingestion) -> None:
    """Say which columns beside an embedding are not used."""
    for name in columns.features:
        if name != embedding:
            reason = f"beside the lists of {embedding!r}, which alone are the features"
            ingestion.understood.leave_out(name, reason)
            ingestion.understood.note("column_left_out", f"column {name!r} is not a feature: it is {reason}")


def _peek_values(shards: Shards, ingestion: Ingestion) -> Peek:
    """Return the first values of the columns that are not lists."""
    plain = [field.name for field in shards.schema if not pa.types.is_nested(field.type)]
    batch = next(shards.read_batches(plain, _PEEKED, ingestion.limits), None) if plain else None
    rows = {name: batch.column(name).to_pylist() if batch else [] for name in plain}
    return describe_values(rows)


def _open_cells(shards: Shards, columns: ColumnRoles, ingestion: Ingestion) -> Table | Documents:
    """Open a table by the types of its columns."""
    own = ingestion.own
    counted = shards.read_batches(columns.features, _BATCH_ROWS, ingestion.limits)
    described = describe_columns(counted, columns.features, ingestion)
    used = [column.name for column in described]
    wanted = list(dict.fromkeys([*used, *columns.special, *own.names]))
    splits = _list_splits(shards) if columns.split is None else None

    def encode(column: pa.Array, *, is_truth: bool) -> NDArray[np.int32]:
        return encode_labels(column, ingestion, is_truth=is_truth)

    def read() -> Iterator[tuple[pa.RecordBatch, Columns]]:
        done = 0
        for batch in shards.read_batches(wanted, _BATCH_ROWS, ingestion.limits):
            own.append({name: batch.column(name).to_pylist() for name in own.names})
            read_now = read_columns(batch, columns, encode, ingestion)
            if splits is not None:
                read_now = replace(read_now, splits=splits[done : done + batch.num_rows])
            yield batch, read_now
            done += batch.num_rows

    source = make_table("parquet_features", described, read(), total=shards.rows)
    return replace(source, format="parquet_texts") if isinstance(source, Documents) else source


def _check_numeric(schema: pa.Schema, columns: ColumnRoles) -> None:
    """Raise CellsNeeded unless every feature may be a number."""
    for name in columns.features:
        kind = schema.field(name).type
        if not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_string(kind)
            or pa.types.is_large_string(kind)
            or pa.types.is_dictionary(kind)
        ):
            raise CellsNeeded


def _find_list_length(shards: Shards, name: str, ingestion: Ingestion) -> int:
    """Return the length of the first list; 0 if there is none."""
    for batch in shards.read_batches([name], _BATCH_ROWS, ingestion.limits):
        for value in batch.column(0):
            if value.is_valid:
                return len(value)
    return 0


def _read_feature_batches(
    shards: Shards, columns: ColumnRoles, embedding: str | None, width: int, ingestion: Ingestion
) -> Iterator[FeatureBatch]:
    content = columns.features if embedding is None else [embedding]
    rows = max(1, min(_BATCH_ROWS, (8 << 20) // (4 * width)))

    def encode(column: pa.Array, *, is_truth: bool) -> NDArray[np.int32]:
        return encode_labels(column, ingestion, is_truth=is_truth)

    splits = _list_splits(shards) if columns.split is None else None
    own = ingestion.own
    done = 0
    wanted = list(dict.fromkeys([*content, *columns.special, *own.names]))
    for batch in shards.read_batches(wanted, rows, ingestion.limits):
        own.append({name: batch.column(name).to_pylist() for name in own.names})
        if embedding is None:
            features = np.stack(
                [read_numbers(batch.column(name), name, ingestion) for name in content], axis=1
            )
            if mixes_signs(batch, content, ingestion):
                raise CellsNeeded
        else:
            features = _read_list_rows(batch.column(embedding), width)
        batch_columns = read_columns(batch, columns, encode, ingestion)
        if splits is not None:
            batch_columns = replace(batch_columns, splits=splits[done : done + batch.num_rows])
        read = FeatureBatch(features=features, columns=batch_columns)
        yield check_numbers(read) if embedding is None else read
        done += batch.num_rows


def _read_list_rows(column: pa.Array, width: int) -> NDArray[np.float32]:
    """Return lists as rows [n, width]; NaN if a list is missing or has another length."""
    rows = np.full((len(column), width), np.nan, dtype=np.float32)
    values = column.flatten()
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise IngestError("column_not_numeric", f"expected lists of numbers; found {column.type}")
    if len(values) == len(column) * width and column.null_count == 0 and _has_width(column, width):
        return convert_to_float32(values.to_numpy(zero_copy_only=False)).reshape(-1, width)
    for row, value in enumerate(column):
        if value.is_valid and len(value) == width:
            rows[row] = convert_to_float32(value.values.to_numpy(zero_copy_only=False))
    return rows


def _has_width(column: pa.Array, width: int) -> bool:
    lengths = column.value_lengths() if hasattr(column, "value_lengths") else None
    return lengths is None or bool((lengths.to_numpy(zero_copy_only=False) == width).all())
