"""Writing of feature tables to a pack file: finite, labelled rows; the others are logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.catalogue.kinds import FEATURES
from worker.formats.packs.npy import NpyWriter
from worker.formats.packs.written_pack import WrittenPack, check_pack_bytes, find_labelled_rows, join_parts
from worker.formats.shared.array_checks import check_count
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import make_printable
from worker.formats.shared.sample import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.packs.written_pack import Report
    from worker.formats.shared.sample import FeatureBatch, Features, Ingestion

NAMES_SHOWN = 1000


def write_features(source: Features, ingestion: Ingestion, path: Path, report: Report) -> WrittenPack:
    """Write the finite, labelled rows of a table to a pack file."""
    width = len(source.names)
    kept: list[NDArray[np.int64]] = []
    batches: list[Columns] = []
    done = 0
    with NpyWriter(path, (width,), FEATURES.dtype) as pack:
        for batch in source.batches:
            rows = np.arange(done, done + len(batch.features))
            done += len(rows)
            check_count(done, ingestion)
            check_pack_bytes(done * width * 4, ingestion)
            usable = _find_usable_rows(batch, source.row_numbers(rows), source.names, ingestion)
            pack.append(batch.features[usable])
            kept.append(rows[usable])
            batches.append(batch.columns)
            report(done, source.total)
    rows = join_parts(kept, np.int64)
    return WrittenPack(
        kind=FEATURES,
        shape=(width,),
        rows=rows,
        row_numbers=source.row_numbers(rows),
        columns=stack_columns(batches),
        statistics={
            "feature_count": width,
            "feature_names": [make_printable(name) for name in source.names[:NAMES_SHOWN]],
        },
    )


def _find_usable_rows(
    batch: FeatureBatch, numbers: NDArray[np.int64], names: Sequence[str], ingestion: Ingestion
) -> NDArray[np.bool_]:
    """Return which rows of a batch have a label and only finite numbers; the others are logged."""
    finite = np.isfinite(batch.features)
    usable: NDArray[np.bool_] = np.all(finite, axis=1)
    keys = batch.columns.keys
    for row in np.flatnonzero(~usable).tolist():
        column = int(np.argmin(finite[row]))
        key = str(numbers[row]) if keys is None else keys[row]
        value = batch.features[row, column]
        ingestion.problems.add(
            key,
            "non_finite_feature",
            f"expected a number in column {names[column]!r}; found {_show(value)}",
        )
    return usable & find_labelled_rows(batch.columns, ingestion, numbers)


def _show(value: np.float32) -> str:
    return "a missing value" if np.isnan(value) else f"{value} (or one too large for 32 bits)"


def stack_columns(batches: list[Columns]) -> Columns:
    """Join the columns of consecutive batches."""
    if not batches:
        return Columns(given=np.empty(0, dtype=np.int32))
    first = batches[0]
    keys = None if first.keys is None else Texts(key for batch in batches for key in batch.keys or ())
    splits = None if first.splits is None else [split for batch in batches for split in batch.splits or ()]
    true = [batch.true for batch in batches if batch.true is not None]
    return Columns(
        given=np.concatenate([batch.given for batch in batches]),
        true=np.concatenate(true) if true else None,
        keys=keys,
        splits=splits,
    )
