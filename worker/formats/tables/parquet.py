"""Parquet: encoded pictures in the layout of Hugging Face datasets, or features in columns or lists."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker.formats.archives.archive import check_total
from worker.formats.archives.member_names import SPLITS
from worker.formats.shared.array_checks import check_count
from worker.formats.shared.columns import (
    KEYS,
    LABELS,
    SPLIT_NAMES,
    TRUTHS,
    check_distinct,
    find_column,
    quote_names,
    require_column,
)
from worker.formats.shared.compact_texts import Texts, count_repeated
from worker.formats.shared.label_codes import get_natural_key
from worker.formats.shared.problems import IngestError, SampleError, make_printable
from worker.formats.shared.sample import Columns, EncodedChunk, EncodedImages, FeatureBatch, Features
from worker.formats.tables.csv_features import TableColumns, read_columns, read_numbers
from worker.kinds.feature_arrays import check_width, convert_to_float32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.sample import Ingestion
    from worker.formats.shared.upload_limits import IngestLimits

_PICTURES = ("image", "img", "picture", "jpg", "png")
_EMBEDDINGS = ("embedding", "embeddings", "features", "feature", "x", "vector")
_CHUNK_ROWS = 32
_BATCH_ROWS = 8192
_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)
# Thrift strings and lists in a footer: far above real sizes, far below a memory problem.
_FOOTER_LIMITS = {"thrift_string_size_limit": 64 << 20, "thrift_container_size_limit": 4 << 20}


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Parquet files of one schema, read in order."""

    names: tuple[str, ...]
    files: tuple[pq.ParquetFile, ...]

    @property
    def schema(self) -> pa.Schema:
        """Schema of every shard."""
        return self.files[0].schema_arrow

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(file.metadata.num_rows for file in self.files)

    def read_batches(
        self, columns: Sequence[str], size: int, limits: IngestLimits
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows of some columns in batches; IngestError if a file is broken or unpacks to too much."""
        produced = 0
        for name, file in zip(self.names, self.files, strict=True):
            try:
                for batch in file.iter_batches(size, columns=list(columns), use_threads=False):
                    produced += batch.nbytes
                    check_total(produced, limits)
                    yield batch
            except _ERRORS as error:
                raise error if isinstance(error, IngestError) else _make_broken_error(name, error) from None


def _make_broken_error(name: str, error: BaseException) -> IngestError:
    text = make_printable(str(error))[:200]
    return IngestError(
        "broken_container", f"expected {make_printable(name)!r} to be a complete Parquet file; found: {text}"
    )


def open_parquet(uploads: Sequence[Upload], ingestion: Ingestion) -> EncodedImages | Features:
    """Open the pictures or features of one or several shards."""
    shards = _open_shards(uploads, ingestion)
    check_distinct(shards.schema.names)
    check_count(shards.rows, ingestion)
    ingestion.layout["parts"] = list(shards.names)
    picture = _find_picture_column(shards.schema)
    return (
        _open_features(shards, ingestion) if picture is None else _open_pictures(shards, picture, ingestion)
    )


def _open_shards(uploads: Sequence[Upload], ingestion: Ingestion) -> Shards:
    """Open the shards in the order train, others, test, each by natural order of its name."""
    ordered = sorted(uploads, key=lambda upload: (_rank_split(upload.name), get_natural_key(upload.name)))
    files = []
    for upload in ordered:
        try:
            files.append(pq.ParquetFile(upload.path, **_FOOTER_LIMITS))
            ingestion.resources.callback(files[-1].close)
        except _ERRORS as error:
            raise _make_broken_error(upload.name, error) from None
        if not files[-1].schema_arrow.equals(files[0].schema_arrow):
            raise IngestError(
                "mixed_files",
                f"expected shards of one schema; found {quote_names(files[0].schema_arrow.names)} and "
                f"{quote_names(files[-1].schema_arrow.names)}",
            )
    return Shards(names=tuple(upload.name for upload in ordered), files=tuple(files))


def _find_split(name: str) -> str | None:
    """Return the split at the start of a shard's name, such as train-00000-of-00002.parquet."""
    word = name.rsplit("/", 1)[-1].replace(".", "-").split("-", 1)[0].lower()
    return word if word in SPLITS else None


def _rank_split(name: str) -> int:
    split = _find_split(name) or ""
    return 0 if split.startswith("train") else 2 if split.startswith("test") else 1


def _list_splits(shards: Shards) -> list[str | None] | None:
    """Return the split of every row, from the names of the shards."""
    splits = [_find_split(name) for name in shards.names]
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


def read_class_names(schema: pa.Schema, column: str) -> list[str] | None:
    """Return the class names that Hugging Face datasets stores in the schema's metadata."""
    try:
        info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = info["info"]["features"][column]["names"]
        return [str(name) for name in names] if isinstance(names, list) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


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
        except _ERRORS as error:
            raise _make_broken_error(shards.names[shards.files.index(file)], error) from None
        load = _make_loader(batch.column(0), ingestion) if batch else None
        for row in range(batch.num_rows if batch else 0):
            try:
                yield load(row)  # type: ignore[misc]
            except SampleError:
                continue


def _read_picture_columns(shards: Shards, picture: str, ingestion: Ingestion) -> Columns:
    """Read labels, true labels, keys and splits of all rows."""
    every, options = shards.schema.names, ingestion.options
    names = {
        "label": require_column(every, options.label_column, LABELS, "label", option="label_column"),
        "truth": find_column(every, options.truth_column, TRUTHS),
        "key": find_column(every, options.key_column, KEYS),
        "split": find_column(every, options.split_column, SPLIT_NAMES),
    }
    used = sorted({name for name in names.values() if name})
    ingestion.layout["label_column"] = names["label"]
    batches = [batch for batch in shards.read_batches(used, _BATCH_ROWS, ingestion.limits) if batch.num_rows]

    def join_column(what: str) -> pa.ChunkedArray | None:
        name = names[what]
        return (
            None
            if name is None
            else pa.chunked_array([batch.column(name) for batch in batches], shards.schema.field(name).type)
        )

    label, truth, keys, splits = (join_column(what) for what in ("label", "truth", "key", "split"))
    class_names = read_class_names(shards.schema, names["label"] or "")
    return Columns(
        given=encode_labels(label, class_names, ingestion),
        true=None if truth is None else encode_labels(truth, class_names, ingestion),
        keys=Texts(str(key) for chunk in keys.chunks for key in chunk.to_pylist())
        if keys is not None
        else _read_paths(shards, picture, ingestion),
        splits=_list_splits(shards)
        if splits is None
        else [None if s is None else sys.intern(str(s)) for s in splits.to_pylist()],
    )


def encode_labels(
    column: pa.Array, class_names: Sequence[str] | None, ingestion: Ingestion
) -> NDArray[np.int32]:
    """Return the codes of a label column: indices of the schema's class names, or other plain values."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind) or _is_bytes(kind):
        raise IngestError("bad_dtype", f"expected labels as integers or strings; found {kind}")
    if class_names and pa.types.is_integer(kind):
        values = np.array([-1 if value is None else value for value in column.to_pylist()], dtype=np.int64)
        return ingestion.vocabulary.encode_numbered(values, class_names)
    return ingestion.vocabulary.encode(column.to_pylist())


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


def _open_features(shards: Shards, ingestion: Ingestion) -> Features:
    """Open features: numeric columns, or one column of lists of one length."""
    columns = TableColumns(shards.schema.names, ingestion)
    lists = [name for name in columns.features if _is_list(shards.schema.field(name).type)]
    embedding = find_column(lists, None, _EMBEDDINGS) or (lists[0] if len(lists) == 1 else None)
    if embedding is None:
        _check_numeric(shards.schema, columns)
        names = columns.features
    else:
        names = [f"{embedding}[{index}]" for index in range(_find_list_length(shards, embedding, ingestion))]
    check_width(len(names), ingestion)
    return Features(
        format="parquet_features",
        names=names,
        batches=_read_feature_batches(shards, columns, embedding, len(names), ingestion),
        total=shards.rows,
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _check_numeric(schema: pa.Schema, columns: TableColumns) -> None:
    for name in columns.features:
        kind = schema.field(name).type
        if not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_string(kind)
        ):
            raise IngestError("column_not_numeric", f"expected numbers in column {name!r}; found {kind}")


def _find_list_length(shards: Shards, name: str, ingestion: Ingestion) -> int:
    """Return the length of the first list; 0 if there is none."""
    for batch in shards.read_batches([name], _BATCH_ROWS, ingestion.limits):
        for value in batch.column(0):
            if value.is_valid:
                return len(value)
    return 0


def _read_feature_batches(
    shards: Shards, columns: TableColumns, embedding: str | None, width: int, ingestion: Ingestion
) -> Iterator[FeatureBatch]:
    content = columns.features if embedding is None else [embedding]
    special = [name for name in (columns.label, columns.truth, columns.key, columns.split) if name]
    rows = max(1, min(_BATCH_ROWS, (8 << 20) // (4 * width)))
    class_names = read_class_names(shards.schema, columns.label)
    encode = partial(encode_labels, class_names=class_names, ingestion=ingestion)
    splits = _list_splits(shards) if columns.split is None else None
    done = 0
    for batch in shards.read_batches(list(dict.fromkeys([*content, *special])), rows, ingestion.limits):
        if embedding is None:
            features = np.stack([read_numbers(batch.column(name), name, done) for name in content], axis=1)
        else:
            features = _read_list_rows(batch.column(embedding), width)
        batch_columns = read_columns(batch, columns, encode)
        if splits is not None:
            batch_columns = replace(batch_columns, splits=splits[done : done + batch.num_rows])
        yield FeatureBatch(features=features, columns=batch_columns)
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
