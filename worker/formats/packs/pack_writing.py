"""Samples of any source to the pack file, bad ones left out and named."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from worker.formats.packs.npy import NpyWriter
from worker.formats.pictures.decoding_pool import choose_target, decoded
from worker.formats.pictures.picture_decoding import WrongGuessError
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, ProblemLog, printable
from worker.formats.shared.sample import ArrayImages, Columns, EncodedImages, Locations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.pictures.decoding_pool import DecodedChunk
    from worker.formats.pictures.picture_decoding import Target
    from worker.formats.shared.sample import FeatureBatch, Features, Ingestion

_SIZES_SHOWN = 20
_NAMES_SHOWN = 1000


@dataclass(frozen=True, kw_only=True)
class Written:
    """The samples that stand in a pack file, and the columns of all candidates."""

    kind: Literal["images", "features"]
    shape: tuple[int, ...]
    rows: NDArray[np.int64]
    """Candidate row of each sample [N]."""
    row_numbers: NDArray[np.int64]
    """The same rows as the file numbers them [N]; keys where the upload has none."""
    columns: Columns
    """Of all candidates."""
    statistics: dict[str, Any]
    widths: NDArray[np.int32] | None = None
    """Pixels of the original [N], upright."""
    heights: NDArray[np.int32] | None = None
    locations: Locations | None = None
    names: Sequence[str] | None = None
    """Members of an archive, of all candidates."""


def key_of(columns: Columns, row: int) -> str:
    """Key of a candidate: its own, else its row number."""
    return str(row) if columns.keys is None else columns.keys[row]


def write_images(
    source: EncodedImages | ArrayImages,
    ingestion: Ingestion,
    path: Path,
    report: Callable[[int, int | None], None],
) -> Written:
    """Decode all pictures into a pack file.

    The probe's guess (one size, all grey) holds for nearly every upload. Where a later picture breaks it, the
    pass begins anew with the wider target, so that the pack depends on the pictures only, never on the probe.
    """
    target = choose_target(source, ingestion.options, ingestion.limits)
    while True:
        problems = ProblemLog(max_listed=ingestion.problems.max_listed)
        try:
            written = _image_pass(source, target, replace(ingestion, problems=problems), path, report)
        except WrongGuessError as wrong:
            target = _widened(target, wrong, ingestion)
            continue
        ingestion.problems.merge(problems)
        return written


def _widened(target: Target, wrong: WrongGuessError, ingestion: Ingestion) -> Target:
    """Target that also holds the picture which broke the guess."""
    if wrong.coloured:
        return replace(target, channels=3)
    side = ingestion.limits.default_image_size
    return replace(target, height=side, width=side, native=False)


def _image_pass(
    source: EncodedImages | ArrayImages,
    target: Target,
    ingestion: Ingestion,
    path: Path,
    report: Callable[[int, int | None], None],
) -> Written:
    shape = (target.height, target.width, target.channels)
    columns = source.columns
    check_pack_bytes(len(columns.given) * int(np.prod(shape)), ingestion)
    labelled = labelled_rows(columns, ingestion)
    kept: list[NDArray[np.int64]] = []
    seen = _Seen()
    # The pass is closed at once when anything stops it, so that no thread reads from files closed by then.
    with (
        NpyWriter(path, shape, "uint8") as pack,
        closing(decoded(source, target, ingestion.limits)) as chunks,
    ):
        for chunk in chunks:
            rows = np.arange(chunk.start, chunk.start + len(chunk.kept))
            usable = chunk.kept & labelled[rows]
            pack.append(chunk.pixels if usable.all() else chunk.pixels[usable])
            kept.append(rows[usable])
            seen.add(chunk, usable)
            for row, code, detail in chunk.failures:
                if labelled[row]:
                    ingestion.problems.add(key_of(columns, row), code, detail)
            report(int(rows[-1]) + 1, len(labelled))
    rows = joined(kept, np.int64)
    return Written(
        kind="images",
        shape=shape,
        rows=rows,
        row_numbers=rows,
        columns=columns,
        statistics=seen.statistics() | {"native_size": target.native or source_matches(source, target)},
        widths=joined(seen.widths, np.int32),
        heights=joined(seen.heights, np.int32),
        locations=source.locations() if isinstance(source, EncodedImages) else None,
        names=source.names if isinstance(source, EncodedImages) else None,
    )


def source_matches(source: EncodedImages | ArrayImages, target: Target) -> bool:
    """Tell whether an array goes into the pack as it is."""
    return isinstance(source, ArrayImages) and source.shape[:2] == (target.height, target.width)


class _Seen:
    """Sizes, modes and encodings met in a pass."""

    def __init__(self) -> None:
        self.widths: list[NDArray[np.int32]] = []
        self.heights: list[NDArray[np.int32]] = []
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.modes: Counter[str] = Counter()
        self.encodings: Counter[str] = Counter()

    def add(self, chunk: DecodedChunk, usable: NDArray[np.bool_]) -> None:
        self.widths.append(chunk.widths[usable])
        self.heights.append(chunk.heights[usable])
        self.sizes.update(zip(self.widths[-1].tolist(), self.heights[-1].tolist(), strict=True))
        self.modes.update(chunk.modes)
        self.encodings.update(chunk.encodings)

    def statistics(self) -> dict[str, Any]:
        common = sorted(self.sizes.items(), key=lambda found: (-found[1], found[0]))[:_SIZES_SHOWN]
        return {
            "size_count": len(self.sizes),
            "sizes": {f"{width}x{height}": count for (width, height), count in common},
            "modes": dict(self.modes.most_common()),
            "encodings": dict(self.encodings.most_common()),
        }


def write_features(
    source: Features, ingestion: Ingestion, path: Path, report: Callable[[int, int | None], None]
) -> Written:
    """Write the finite, labelled rows of a table to a pack file."""
    width = len(source.names)
    kept: list[NDArray[np.int64]] = []
    batches: list[Columns] = []
    done = 0
    with NpyWriter(path, (width,), "float32") as pack:
        for batch in source.batches:
            rows = np.arange(done, done + len(batch.features))
            done += len(rows)
            check_rows(done, ingestion)
            check_pack_bytes(done * width * 4, ingestion)
            usable = _usable_rows(batch, source.row_numbers(rows), source.names, ingestion)
            pack.append(batch.features[usable])
            kept.append(rows[usable])
            batches.append(batch.columns)
            report(done, source.total)
    rows = joined(kept, np.int64)
    return Written(
        kind="features",
        shape=(width,),
        rows=rows,
        row_numbers=source.row_numbers(rows),
        columns=stacked(batches),
        statistics={
            "feature_count": width,
            "feature_names": [printable(name) for name in source.names[:_NAMES_SHOWN]],
        },
    )


def _usable_rows(
    batch: FeatureBatch, numbers: NDArray[np.int64], names: Sequence[str], ingestion: Ingestion
) -> NDArray[np.bool_]:
    """Rows of a batch that have a label and only finite numbers; the others are logged."""
    finite = np.isfinite(batch.features)
    usable: NDArray[np.bool_] = np.all(finite, axis=1)
    keys = batch.columns.keys
    for row in np.flatnonzero(~usable).tolist():
        column = int(np.argmin(finite[row]))
        key = str(numbers[row]) if keys is None else keys[row]
        found = batch.features[row, column]
        ingestion.problems.add(
            key, "non_finite_feature", f"expected a number in column {names[column]!r}; found {_shown(found)}"
        )
    return usable & labelled_rows(batch.columns, ingestion, numbers)


def _shown(value: np.float32) -> str:
    return "a missing value" if np.isnan(value) else f"{value} (or one too large for 32 bits)"


def labelled_rows(
    columns: Columns, ingestion: Ingestion, numbers: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Rows that have a label [n]; the others are logged."""
    labelled: NDArray[np.bool_] = columns.given != MISSING
    for row in np.flatnonzero(~labelled).tolist():
        number = row if numbers is None else int(numbers[row])
        key = str(number) if columns.keys is None else columns.keys[row]
        ingestion.problems.add(key, "missing_label", "expected a label; found none")
    return labelled


def check_pack_bytes(size: int, ingestion: Ingestion) -> None:
    """Refuse uploads whose pack would be too large."""
    if size > ingestion.limits.max_pack_bytes:
        raise IngestError(
            "pack_too_large",
            f"expected a pack of at most {ingestion.limits.max_pack_bytes} bytes; found {size} or more "
            "(a smaller image_size helps)",
        )


def check_rows(count: int, ingestion: Ingestion) -> None:
    """Refuse tables with more rows than allowed."""
    if count > ingestion.limits.max_members:
        raise IngestError(
            "too_many_samples", f"expected at most {ingestion.limits.max_members} samples; found {count}"
        )


def joined(parts: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """Concatenate parts, of which there may be none."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def stacked(batches: list[Columns]) -> Columns:
    """Columns of consecutive batches as one."""
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
