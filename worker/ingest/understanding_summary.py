"""What was understood of an upload as a whole: classes, splits, columns that give the label away."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.catalogue.kinds import CELLS, TEXTS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.packs.samples_table import Labels
    from worker.formats.packs.written_pack import WrittenPack
    from worker.formats.shared.sample import Ingestion
    from worker.formats.shared.understanding import Understanding

    Values = NDArray[Any]
    ReadRows = Callable[[NDArray[np.int64]], Values]

_CLASSES_SHOWN = 100
_ROWS_TRIED, _ROWS_CHECKED = 256, 20_000
_COLUMNS_SHOWN = 5
_FEW = 5
"""Below as many samples, no audit of its own is made of a class in sets (`app/label_sets/class_views.py`)."""
_RARE_SHOWN = 5


def summarise(
    written: WrittenPack, labels: Labels, ingestion: Ingestion, *, format_name: str, pack_path: Path
) -> dict[str, Any]:
    """Return the document "what I understood" as JSON."""
    understood, vocabulary = ingestion.understood, ingestion.vocabulary
    understood.note_all("spellings_merged", vocabulary.describe_variants())
    _note_doubtful(labels, ingestion)
    _note_case(labels, ingestion)
    if not written.kind.has_pictures:  # a column can give the label away
        _note_giveaways(labels, ingestion, pack_path)
    counts = np.bincount(labels.given, minlength=len(labels.class_names)).tolist()
    shown = zip(labels.class_names, labels.spellings, counts, strict=True)
    return {
        "format": format_name,
        "kind": written.kind.name,
        "samples": len(written.rows),
        "left_out_samples": len(written.columns.given) - len(written.rows),
        "class_count": len(labels.class_names),
        "classes": [
            {"name": name, "spelled": spelled, "samples": count}
            for name, spelled, count in list(shown)[:_CLASSES_SHOWN]
        ],
        **understood.describe(),
    }


def note_rare(samples_of_class: Mapping[str, int], understood: Understanding) -> None:
    """Note the classes with few samples; of sets these are the classes in them."""
    rare = [(name, count) for name, count in samples_of_class.items() if 0 < count < _FEW]
    if rare:
        named = ", ".join(f"{name!r} ({count})" for name, count in rare[:_RARE_SHOWN])
        more = f" and {len(rare) - _RARE_SHOWN:,} more" if len(rare) > _RARE_SHOWN else ""
        understood.note(
            "rare_classes",
            f"fewer than {_FEW} samples have the class {named}{more}: such labels can hardly be judged",
        )


def _note_doubtful(labels: Labels, ingestion: Ingestion) -> None:
    for name in ingestion.vocabulary.list_doubtful():
        if name in labels.class_names:
            ingestion.understood.note(
                "class_may_be_missing",
                f"{name!r} was read as a class; if it means that there is no label, clear these cells",
            )
    numbers = [int(name) for name in labels.class_names if name.lstrip("-").isdecimal()]
    others = [number for number in numbers if number >= 0]
    if numbers.count(-1) and len(others) > 1 and len(numbers) == len(labels.class_names):
        ingestion.understood.note(
            "class_may_be_missing",
            "'-1' was read as a class; if it means that there is no label, leave it out",
        )


def _note_case(labels: Labels, ingestion: Ingestion) -> None:
    folded: dict[str, list[str]] = defaultdict(list)
    for name in labels.class_names:
        folded[name.casefold()].append(name)
    for alike in folded.values():
        if len(alike) > 1:
            ingestion.understood.note(
                "classes_differ_in_case", f"{', '.join(map(repr, alike))} are different classes here"
            )


def _note_giveaways(labels: Labels, ingestion: Ingestion, pack_path: Path) -> None:
    """Note the feature columns in which every value belongs to one class: they may be the label again."""
    most = len(labels.class_names)
    tried, checked = (
        np.unique(np.linspace(0, len(labels.given) - 1, rows).astype(np.int64))
        for rows in (_ROWS_TRIED, _ROWS_CHECKED)
    )
    found = [
        name
        for name, read in _open_columns(pack_path, ingestion)
        if _determines(read(tried), labels.given[tried], most)
        and _determines(read(checked), labels.given[checked], most)
    ]
    if found:
        more = f" and {len(found) - _COLUMNS_SHOWN} more" if len(found) > _COLUMNS_SHOWN else ""
        ingestion.understood.note(
            "column_gives_label_away",
            f"each value of {', '.join(map(repr, found[:_COLUMNS_SHOWN]))}{more} belongs to one class: if it "
            "was made from the label, no wrong label can be found; leave it out",
            option="exclude_columns",
        )


def _open_columns(pack_path: Path, ingestion: Ingestion) -> Iterator[tuple[str, ReadRows]]:
    """Yield the name of each column and a function that reads values of some rows; of categories codes."""
    if pack_path.with_name(TEXTS_FILE).exists():
        return
    if pack_path.with_name(CELLS).exists():
        with pq.ParquetFile(pack_path.with_name(CELLS)) as file:
            for name in file.schema_arrow.names:
                codes = file.read(columns=[name]).column(name).combine_chunks().dictionary_encode().indices
                values = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False)
                yield name, values.__getitem__
        return
    pack = np.load(pack_path, mmap_mode="r")
    names = ingestion.layout.get("feature_names") or []
    for column in range(pack.shape[1]):
        name = names[column] if column < len(names) else f"column {column}"
        yield name, partial(_read_rows, pack, column)


def _read_rows(pack: Values, column: int, rows: NDArray[np.int64]) -> Values:
    return np.asarray(pack[rows, column])


def _determines(values: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], most: int) -> bool:
    """Return whether there are 2 to `most` different values, each with a single label."""
    distinct, inverse = np.unique(values, return_inverse=True)
    if not 2 <= len(distinct) <= most:  # noqa: PLR2004 - a constant tells nothing
        return False
    lowest = np.full(len(distinct), np.iinfo(np.int64).max)
    highest = np.full(len(distinct), -1)
    np.minimum.at(lowest, inverse, labels)
    np.maximum.at(highest, inverse, labels)
    return bool((lowest == highest).all()) and len(np.unique(lowest)) > 1
