"""Writing of pictures to a pack file: all in one size; unreadable ones are logged."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.catalogue.kinds import IMAGES
from worker.formats.packs.npy import NpyWriter
from worker.formats.packs.written_pack import WrittenPack, check_pack_bytes, find_labelled_rows, join_parts
from worker.formats.pictures.decoding_pool import choose_target, decode_all
from worker.formats.pictures.picture_decoding import WrongGuessError
from worker.formats.shared.pixel_range import describe_range
from worker.formats.shared.problems import ProblemLog
from worker.formats.shared.sample import ArrayImages, EncodedImages

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.packs.written_pack import Report
    from worker.formats.pictures.decoding_pool import DecodedChunk
    from worker.formats.pictures.picture_decoding import Target
    from worker.formats.shared.sample import Columns, Ingestion

_SIZES_SHOWN = 20


def write_images(
    source: EncodedImages | ArrayImages, ingestion: Ingestion, path: Path, report: Report
) -> WrittenPack:
    """Decode all pictures into a pack file.

    The target is chosen from 64 pictures spread over the upload. If another picture does not fit it (another
    size, coloured), the pass starts again with a wider target, so the pack never depends on which pictures
    were inspected.
    """
    target = choose_target(source, ingestion.options, ingestion.limits)
    while True:
        problems = ProblemLog(
            max_listed=ingestion.problems.max_listed, hides_queries=ingestion.problems.hides_queries
        )
        try:
            written = _write_pass(source, target, replace(ingestion, problems=problems), path, report)
        except WrongGuessError as wrong:
            target = _widen(target, wrong, ingestion)
            continue
        ingestion.problems.merge(problems)
        if any(mode.endswith(";16") for mode in written.statistics["modes"]):
            ingestion.understood.note(
                "deep_colour",
                "16-bit colour keeps its upper 8 bits: with values below 256 it is black (save as 8 bits)",
            )
        if target.brightest:
            scale = describe_range(target.brightest, is_float=False)
            ingestion.understood.facts["scale"] = f"pictures of more than 8 bits: {scale}"
            written.statistics["brightest"] = target.brightest
        return written


def _widen(target: Target, wrong: WrongGuessError, ingestion: Ingestion) -> Target:
    """Return a target that also fits the picture that did not fit."""
    if wrong.brightest is not None:
        return replace(target, brightest=wrong.brightest)
    if wrong.coloured:
        return replace(target, channels=3)
    side = ingestion.limits.default_image_size
    return replace(target, height=side, width=side, native=False)


def _write_pass(
    source: EncodedImages | ArrayImages,
    target: Target,
    ingestion: Ingestion,
    path: Path,
    report: Report,
) -> WrittenPack:
    shape = (target.height, target.width, target.channels)
    columns = source.columns
    check_pack_bytes(len(columns.given) * int(np.prod(shape)), ingestion)
    labelled = find_labelled_rows(columns, ingestion)
    kept: list[NDArray[np.int64]] = []
    boxes: list[NDArray[np.float32]] = []
    pictures = _PictureStatistics()
    # An interrupted pass is closed at once, so that no thread reads from a file that has been closed.
    with (
        NpyWriter(path, shape, IMAGES.dtype) as pack,
        closing(decode_all(source, target, ingestion.limits)) as chunks,
    ):
        for chunk in chunks:
            rows = np.arange(chunk.start, chunk.start + len(chunk.kept))
            usable = chunk.kept & labelled[rows]
            pack.append(chunk.pixels if usable.all() else chunk.pixels[usable])
            kept.append(rows[usable])
            pictures.add(chunk, usable)
            if chunk.boxes is not None:
                boxes.append(chunk.boxes[usable])
            for row, code, detail in chunk.failures:
                if labelled[row]:
                    ingestion.problems.add(_find_key(columns, row), code, detail)
            report(int(rows[-1]) + 1, len(labelled))
    rows = join_parts(kept, np.int64)
    records = source.records if isinstance(source, EncodedImages) else None
    return WrittenPack(
        kind=IMAGES,
        shape=shape,
        rows=rows,
        row_numbers=rows if records is None else records[rows],
        columns=columns,
        statistics=pictures.summarise() | {"native_size": target.native or _is_unchanged(source, target)},
        widths=join_parts(pictures.widths, np.int32),
        heights=join_parts(pictures.heights, np.int32),
        locations=source.locations() if isinstance(source, EncodedImages) else None,
        names=source.names if isinstance(source, EncodedImages) else None,
        boxes=np.concatenate(boxes) if boxes else None,
        pictures=_find_pictures(source, rows),
    )


def _find_pictures(source: EncodedImages | ArrayImages, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the number of each sample's picture; None if samples are whole pictures."""
    boxes = source.boxes if isinstance(source, EncodedImages) else None
    return None if boxes is None else boxes.pictures[rows]


def _is_unchanged(source: EncodedImages | ArrayImages, target: Target) -> bool:
    """Return whether an array goes into the pack without resizing."""
    return isinstance(source, ArrayImages) and source.shape[:2] == (target.height, target.width)


class _PictureStatistics:
    """Sizes, modes and encodings of the pictures in a pass."""

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

    def summarise(self) -> dict[str, Any]:
        common = sorted(self.sizes.items(), key=lambda size: (-size[1], size[0]))[:_SIZES_SHOWN]
        return {
            "size_count": len(self.sizes),
            "sizes": {f"{width}x{height}": count for (width, height), count in common},
            "modes": dict(self.modes.most_common()),
            "encodings": dict(self.encodings.most_common()),
        }


def _find_key(columns: Columns, row: int) -> str:
    """Return the key of a candidate, or its row number."""
    return str(row) if columns.keys is None else columns.keys[row]
