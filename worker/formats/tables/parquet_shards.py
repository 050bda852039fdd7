"""The files of a Parquet upload, each read by its own class names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.reading.hugging_face_names import read_class_names
from models.reading.label_texts import clean_text, make_comparable
from worker.formats.archives.archive import check_total
from worker.formats.archives.split_names import find_split, rank_split
from worker.formats.shared.class_numbers import ClassNumbers
from worker.formats.shared.columns import quote_names
from worker.formats.shared.label_codes import get_natural_key
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.tables.parquet_lists import is_list, name_list_classes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.sample import Ingestion
    from worker.formats.shared.upload_limits import IngestLimits

ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)
# Thrift strings and lists in a footer: far above real sizes, far below a memory problem.
_FOOTER_LIMITS = {"thrift_string_size_limit": 64 << 20, "thrift_container_size_limit": 4 << 20}


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Parquet files with the same columns, read in order."""

    names: tuple[str, ...]
    files: tuple[pq.ParquetFile, ...]
    class_names: dict[str, list[list[str] | None]] = field(default_factory=dict)
    """By column whose numbers are read as class names: the names of each file."""
    numbers: ClassNumbers = field(default_factory=ClassNumbers)
    truth: list[str] = field(default_factory=list)
    """The column of correct labels, if its numbers are read as class names."""

    @property
    def schema(self) -> pa.Schema:
        """Schema of the first shard."""
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
        for number, (name, file) in enumerate(zip(self.names, self.files, strict=True)):
            try:
                for batch in file.iter_batches(size, columns=list(columns), use_threads=False):
                    produced += batch.nbytes
                    check_total(produced, limits)
                    yield self._name_classes(batch, number)
            except ERRORS as error:
                raise error if isinstance(error, IngestError) else make_broken_error(name, error) from None

    def _name_classes(self, batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
        """Replace the numbers of classes by the file's own names."""
        for column, of_files in self.class_names.items():
            names, at = of_files[number], batch.schema.get_field_index(column)
            if names is None or at < 0:
                continue
            kind = batch.schema.field(at).type
            if is_list(kind) and pa.types.is_integer(kind.value_type):
                batch = batch.set_column(at, column, name_list_classes(batch.column(at), names))
            elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
                numbers = pc.fill_null(batch.column(at).cast(pa.float64()), -1.0)
                found = numbers.to_numpy(zero_copy_only=False)
                found = found[np.isfinite(found) & (found == np.floor(found))]
                self.numbers.add("\n".join(names), found, names, is_truth=column in self.truth)
                inside = pc.and_(pc.greater_equal(numbers, 0.0), pc.less(numbers, float(len(names))))
                whole = pc.and_(inside, pc.equal(pc.floor(numbers), numbers))
                indices = pc.if_else(whole, numbers, pa.scalar(None, pa.float64())).cast(pa.int64())
                named = pa.array(names, pa.string()).take(indices)
                batch = batch.set_column(at, column, named)
        return batch


def make_broken_error(name: str, error: BaseException) -> IngestError:
    """Make the error for a file that cannot be read."""
    text = make_printable(str(error))[:200]
    return IngestError(
        "broken_container", f"expected {make_printable(name)!r} to be a complete Parquet file; found: {text}"
    )


def open_shards(uploads: Sequence[Upload], ingestion: Ingestion) -> Shards:
    """Open the shards in the order train, others, test, each by natural order of its name."""
    ordered = sorted(
        uploads, key=lambda upload: (rank_split(find_split(upload.name)), get_natural_key(upload.name))
    )
    files: list[pq.ParquetFile] = []
    for upload in ordered:
        try:
            files.append(pq.ParquetFile(upload.path, **_FOOTER_LIMITS))
            ingestion.resources.callback(files[-1].close)
        except ERRORS as error:
            raise make_broken_error(upload.name, error) from None
        _check_columns(files[0].schema_arrow, files[-1].schema_arrow, upload.name, ingestion)
    return Shards(
        names=tuple(upload.name for upload in ordered), files=tuple(files), numbers=ingestion.numbers
    )


def _check_columns(first: pa.Schema, other: pa.Schema, name: str, ingestion: Ingestion) -> None:
    """Refuse shards with other columns; other types of the same columns are said."""
    if set(first.names) != set(other.names):
        raise IngestError(
            "mixed_files",
            f"expected shards with the same columns; found {quote_names(first.names)} and, in "
            f"{make_printable(name)!r}, {quote_names(other.names)} (upload them as separate datasets)",
        )
    for column in first.names:
        kinds = first.field(column).type, other.field(column).type
        if kinds[0] != kinds[1]:
            ingestion.understood.note(
                "types_differ", f"column {column!r} is {kinds[0]} in the first file, {kinds[1]} in {name!r}"
            )


def name_classes(shards: Shards, label: str, truth: str | None, ingestion: Ingestion) -> None:
    """Let the numbers of labels be read as the names that each file gives them."""
    of_label = [read_class_names(file.schema_arrow.metadata, label) for file in shards.files]
    if not any(of_label):
        return
    shards.class_names[label] = [_fill_blank(names) for names in of_label]
    if truth is not None:
        shards.truth.append(truth)
        own = [read_class_names(file.schema_arrow.metadata, truth) for file in shards.files]
        shards.class_names[truth] = [
            _fill_blank(names or given) for names, given in zip(own, of_label, strict=True)
        ]
    orders = [names for names in shards.class_names[label] if names]
    every = dict.fromkeys(make_printable(clean_text(name)) for names in orders for name in names)
    ingestion.vocabulary.is_literal = True
    ingestion.vocabulary.upload_order = tuple(every)
    if len({tuple(map(make_comparable, names)) for names in orders}) > 1 or len(orders) < len(of_label):
        ingestion.understood.note(
            "class_names_differ",
            "the files number their classes differently; each was read by its own class names",
        )


def _fill_blank(names: list[str] | None) -> list[str] | None:
    return None if names is None else [name if name.strip() else str(at) for at, name in enumerate(names)]
