"""The samples table: final labels, unique keys, and the location of each original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.reading.archive_names import hide_query
from worker.formats.shared.compact_texts import Texts, TextSelection, count_repeated
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.packs.written_pack import WrittenPack
    from worker.formats.shared.sample import Ingestion

_NAMES_SHOWN = 5
ROWS_AT_ONCE = 16_384
BOX_COLUMNS = ("box_left", "box_top", "box_width", "box_height")
ALL_ROWS = slice(None)
SCHEMA = pa.schema(
    {
        "position": pa.int64(),
        "key": pa.string(),
        "given_label": pa.int32(),
        "true_label": pa.int32(),
        "split": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "source_row": pa.int64(),
        "source_name": pa.string(),
        "source_offset": pa.int64(),
        "source_length": pa.int64(),
        "source_method": pa.int16(),
        "box_left": pa.float32(),
        "box_top": pa.float32(),
        "box_width": pa.float32(),
        "box_height": pa.float32(),
        "picture": pa.int32(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Final labels of N samples; `true` is -1 where unknown."""

    class_names: tuple[str, ...]
    given: NDArray[np.int32]
    true: NDArray[np.int32] | None
    spellings: tuple[Any, ...] = ()
    """Each class as the upload writes it, as JSON (`models.reading.label_texts.decode_spelling`)."""

    @property
    def has_truth(self) -> bool:
        """Return whether any true label is known."""
        return self.true is not None and bool((self.true != MISSING).any())


def assign_labels(written: WrittenPack, ingestion: Ingestion) -> Labels:
    """Map the class codes of the kept samples to labels 0..K-1 in the order of the class names."""
    given = written.columns.given[written.rows]
    check_labels(given, ingestion)
    true = None if written.columns.true is None else written.columns.true[written.rows]
    if true is not None and not check_truth(given, true, ingestion):
        true = None
    used = np.zeros(len(ingestion.vocabulary.names), dtype=np.bool_)
    for codes in (given, true):
        if codes is not None:
            used[codes[codes != MISSING]] = True
    names, label_of_code, spellings = ingestion.vocabulary.order_used(used)
    return Labels(
        class_names=names,
        given=label_of_code[given],
        true=None if true is None else label_of_code[true],
        spellings=spellings,
    )


def check_truth(given: NDArray[np.int32], true: NDArray[np.int32], ingestion: Ingestion) -> bool:
    """Return whether the correct labels name classes as the given ones do; it is noted if they do not.

    Raises:
        IngestError: the user has named a column of correct labels that share no class with the given ones.

    """
    codes, others = np.unique(given), np.unique(true[true != MISSING])
    if not len(others) or len(np.intersect1d(codes, others)):
        _note_shift(codes, others, ingestion)
        return True
    found = (
        f"no given label is among the correct ones: {_quote_classes(others, ingestion)} against "
        f"{_quote_classes(codes, ingestion)}"
    )
    if ingestion.options.truth_column is not None:
        raise IngestError(
            "truth_differs",
            f"expected correct labels spelled as the given ones; {found} (spell both alike, or leave out "
            "truth_column)",
        )
    ingestion.understood.note(
        "truth_not_used",
        f"the correct labels are not used, as every sample would count as wrong: {found}; spell both alike",
        option="truth_column",
    )
    return False


def _note_shift(codes: NDArray[np.int32], others: NDArray[np.int32], ingestion: Ingestion) -> None:
    """Note correct labels that are the given numbers and some constant: both may count from other numbers."""
    names = ingestion.vocabulary.names
    texts = [names[code] for code in (*codes, *others)]
    if len(codes) != len(others) or not all(text.isascii() and text.isdecimal() for text in texts):
        return
    given, true = (sorted(int(names[code]) for code in each) for each in (codes, others))
    steps = {right - left for left, right in zip(given, true, strict=True)}
    if len(steps) == 1 and 0 not in steps:
        ingestion.understood.note(
            "truth_counts_otherwise",
            f"given labels are {given[0]} to {given[-1]}, correct ones {true[0]} to {true[-1]}: if both mean "
            "the same classes, let them count from the same number",
        )


def _quote_classes(codes: NDArray[np.int32], ingestion: Ingestion) -> str:
    more = ", ..." if len(codes) > _NAMES_SHOWN else ""
    return ", ".join(ingestion.vocabulary.names[code][:40] for code in codes[:_NAMES_SHOWN]) + more


def check_labels(given: NDArray[np.int32], ingestion: Ingestion) -> None:
    """Refuse uploads with too few samples, one class, or as many labels as samples."""
    limits, names = ingestion.limits, ingestion.vocabulary.names
    codes = np.unique(given)
    examples = ", ".join(repr(names[code]) for code in codes[:_NAMES_SHOWN])
    if not len(given) and not ingestion.problems.count:
        raise IngestError("too_few_samples", "expected a sample in each row; found no row below the header")
    if len(given) < limits.min_samples:
        raise IngestError(
            "too_few_samples",
            f"expected at least {limits.min_samples} usable samples; found {len(given)} "
            f"({ingestion.problems.summarise()})",
        )
    has_sets = ingestion.has_sets
    if len(codes) == 1 and not has_sets:
        raise IngestError(
            "one_class",
            f"expected at least 2 classes; found only {examples} "
            "(was a wrong column or folder taken as the label?)",
        )
    if len(codes) == len(given) and not has_sets:
        raise IngestError(
            "labels_unique",
            f"expected classes with several samples; found {len(codes)} different labels for {len(given)} "
            f"samples ({examples}, ...): was a wrong column taken as the label? (label_column names another)",
        )
    fewer = " (name fewer columns in class_columns)" if ingestion.options.class_columns else ""
    if len(codes) > limits.max_classes:
        what = "different sets of classes" if has_sets else "classes"
        raise IngestError(
            "too_many_classes", f"expected at most {limits.max_classes} {what}; found {len(codes)}{fewer}"
        )
    size = sum(len(names[code].encode(errors="replace")) for code in codes)
    if size > limits.max_class_bytes:
        raise IngestError(
            "class_names_too_long",
            f"expected at most {limits.max_class_bytes} bytes of class names; found {size} "
            f"in {len(codes)} classes ({examples[:200]}, ...)"
            + (fewer or ": was a wrong column taken as the label? (label_column names another)"),
        )
    longest = max((names[code] for code in codes), key=len)
    if len(longest) > limits.max_text_length:
        raise IngestError(
            "label_too_long",
            f"expected class names of at most {limits.max_text_length} characters; "
            f"found {len(longest)}: {longest[:40]!r}...",
        )


def collect_keys(written: WrittenPack, ingestion: Ingestion) -> Texts:
    """Return the keys of the kept samples; a repeated key gets "~2", "~3", ... and is logged."""
    if written.columns.keys is None:
        return Texts(map(str, written.row_numbers))
    longest = ingestion.limits.max_text_length
    selected: Iterable[str] = TextSelection(written.columns.keys, written.rows)
    if ingestion.problems.hides_queries:
        selected = map(hide_query, selected)
    keys = Texts(
        _clean_key(key or str(number), longest)
        for key, number in zip(selected, written.row_numbers, strict=True)
    )
    return _make_unique(keys, ingestion) if count_repeated(keys) else keys


def _clean_key(key: str, longest: int) -> str:
    if "\x00" in key or len(key) > longest or not _is_utf8(key):
        return make_printable(key)[:longest]
    return key


def _is_utf8(text: str) -> bool:
    return text.isascii() or make_printable(text) == text[:1000]


def _make_unique(keys: Texts, ingestion: Ingestion) -> Texts:
    taken = set(keys)
    seen: set[str] = set()
    copies: dict[str, int] = {}
    unique = Texts()
    for key in keys:
        name = key
        if key in seen:
            while name in taken:
                copies[key] = copies.get(key, 1) + 1
                name = f"{key}~{copies[key]}"
            taken.add(name)
            ingestion.problems.add(
                name, "duplicate_key", f"expected every key once; found {key!r} again (renamed to {name!r})"
            )
        seen.add(name)
        unique.append(name)
    return unique


def collect_splits(written: WrittenPack, some: slice = ALL_ROWS) -> list[str | None] | None:
    """Return the splits of the kept samples as uploaded; None if the upload has none."""
    every = written.columns.splits
    if every is None:
        return None
    splits = [every[row] for row in written.rows[some].tolist()]
    storable = {split: None if split is None else make_printable(split) for split in set(splits)}
    return [storable[split] for split in splits]


def write_samples(path: Path, written: WrittenPack, labels: Labels, keys: Sequence[str]) -> None:
    """Write the samples table: position, key, labels, split, size and location of each original."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for start in range(0, len(keys), ROWS_AT_ONCE):
            some = slice(start, min(start + ROWS_AT_ONCE, len(keys)))
            columns = _make_sample_columns(written, labels, keys, some) | _make_location_columns(
                written, some
            )
            writer.write_table(pa.table(columns, SCHEMA))


def _make_sample_columns(
    written: WrittenPack, labels: Labels, keys: Sequence[str], some: slice
) -> dict[str, Any]:
    count = some.stop - some.start
    splits = collect_splits(written, some)
    true = None if labels.true is None else labels.true[some]
    return {
        "position": np.arange(some.start, some.stop, dtype=np.int64),
        "key": keys[some],
        "given_label": labels.given[some],
        "true_label": _make_column(true, count, missing=None if true is None else true == MISSING),
        "split": pa.nulls(count) if splits is None else splits,
        "width": _make_column(written.widths, count, some),
        "height": _make_column(written.heights, count, some),
        "picture": _make_column(written.pictures, count, some),
        **{
            name: _make_column(None if written.boxes is None else written.boxes[:, at], count, some)
            for at, name in enumerate(BOX_COLUMNS)
        },
    }


def _make_location_columns(written: WrittenPack, some: slice) -> dict[str, Any]:
    """Return the columns source_*: row in the upload; for pictures in an archive also member, offset, length.

    Offset and length are null if the original is not a range of bytes of the uploaded file.
    """
    rows, places = written.rows[some], written.locations
    offsets, lengths, methods = (
        (places.offsets, places.lengths, places.methods) if places else (None, None, None)
    )
    return {
        "source_row": written.row_numbers[some],
        "source_name": pa.nulls(len(rows))
        if written.names is None
        else list(TextSelection(written.names, rows)),
        "source_offset": _make_column(offsets, len(rows), rows),
        "source_length": _make_column(lengths, len(rows), rows),
        "source_method": _make_column(methods, len(rows), rows),
    }


def _make_column(
    values: NDArray[Any] | None,
    count: int,
    some: slice | NDArray[np.int64] = ALL_ROWS,
    *,
    missing: NDArray[np.bool_] | None = None,
) -> pa.Array:
    return pa.nulls(count) if values is None else pa.array(values[some], mask=missing)
