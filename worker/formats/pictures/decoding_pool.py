"""Decoding on every core: a thread pool takes chunks of samples in order, a bounded number ahead."""

from __future__ import annotations

import os
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from worker.formats.pictures import decoding_clock
from worker.formats.pictures.box_decoding import decode_boxes
from worker.formats.pictures.picture_decoding import Target, decode, fit, inspect_picture, measure_brightest
from worker.formats.shared.problems import SampleError
from worker.formats.shared.sample import ArrayImages, EncodedImages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from worker.formats.shared.sample import EncodedChunk, SampleBoxes
    from worker.formats.shared.upload_limits import IngestLimits, IngestOptions

Result = TypeVar("Result")
_PROBES = 64
_CHUNKS_AHEAD = 3
_ARRAY_CHUNK_BYTES = 4 << 20


@dataclass(kw_only=True)
class DecodedChunk:
    """Pixels of consecutive samples; rows that failed hold garbage and are not kept."""

    start: int
    pixels: NDArray[np.uint8]
    kept: NDArray[np.bool_]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    """Row, code and detail."""
    modes: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    boxes: NDArray[np.float32] | None = None
    """Left, top, width, height [n, 4] in pixels of the upright picture; None: samples are whole pictures."""


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_target(
    source: EncodedImages | ArrayImages, options: IngestOptions, limits: IngestLimits
) -> Target:
    """Choose the pack's size: the requested one, else the native one if uniform and small, else a square."""
    sizes, channels, brightest = _inspect_source(source, limits)
    side = options.image_size or limits.default_image_size
    height, width = next(iter(sizes)) if len(sizes) == 1 else (side, side)
    native = (
        options.image_size is None
        and len(sizes) == 1
        and max(height, width) <= limits.default_image_size
        and not (isinstance(source, EncodedImages) and source.boxes is not None)
    )
    if not native:
        height = width = side
    return Target(height=height, width=width, channels=channels, native=native, brightest=brightest)


def _inspect_source(
    source: EncodedImages | ArrayImages, limits: IngestLimits
) -> tuple[set[tuple[int, int]], int, float]:
    """Return sizes (height, width), channels and range of an array, or of 64 pictures of the upload."""
    if isinstance(source, ArrayImages):
        return {source.shape[:2]}, source.shape[2], 0.0
    sizes: set[tuple[int, int]] = set()
    coloured = False
    brightest = 0.0
    for data in source.probe(_PROBES):
        try:
            with decoding_clock.measure():
                header, has_colour = inspect_picture(data, limits.max_pixels, look_for_colour=not coloured)
                brightest = max(brightest, measure_brightest(data, limits.max_pixels) or 0.0)
        except SampleError:
            continue
        sizes.add((header.height, header.width))
        coloured |= has_colour
    return sizes, 3 if coloured or not sizes else 1, brightest


def decode_all(
    source: EncodedImages | ArrayImages, target: Target, limits: IngestLimits
) -> Generator[DecodedChunk]:
    """Decode all samples in order; WrongGuessError if a picture does not fit the target."""
    jobs = (
        _make_picture_jobs(source, target, limits)
        if isinstance(source, EncodedImages)
        else _make_array_jobs(source, target)
    )
    return run_in_order(jobs)


def run_in_order(jobs: Iterator[Callable[[], Result]]) -> Generator[Result]:
    """Run jobs in threads and yield their results in order, at most three chunks for each core ahead."""
    workers = count_cores()
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for job in jobs:
            pending.append(pool.submit(job))
            if len(pending) >= _CHUNKS_AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make_picture_jobs(
    source: EncodedImages, target: Target, limits: IngestLimits
) -> Iterator[Callable[[], DecodedChunk]]:
    boxes = source.boxes
    if boxes is None:
        return (partial(_decode_pictures, chunk, target, limits.max_pixels) for chunk in source.chunks())
    return (partial(_decode_boxes, chunk, boxes, target, limits.max_pixels) for chunk in source.chunks())


def _decode_boxes(chunk: EncodedChunk, boxes: SampleBoxes, target: Target, max_pixels: int) -> DecodedChunk:
    """Cut the boxes of a chunk out of their pictures, each of which is decoded once."""
    result = _make_empty_chunk(chunk.start, chunk.count, target)
    result.boxes = np.zeros((chunk.count, 4), dtype=np.float32)
    for row, cut in enumerate(decode_boxes(chunk, boxes, target, max_pixels)):
        if isinstance(cut, SampleError):
            result.kept[row] = False
            result.failures.append((chunk.start + row, cut.code, cut.detail))
            continue
        result.pixels[row], result.boxes[row] = cut.pixels, cut.box
        result.widths[row], result.heights[row] = cut.header.width, cut.header.height
        result.modes[cut.header.mode] += 1
        result.encodings[cut.header.encoding] += 1
    return result


def _decode_pictures(chunk: EncodedChunk, target: Target, max_pixels: int) -> DecodedChunk:
    """Decode the pictures of a chunk in order; Pillow releases the interpreter lock meanwhile."""
    result = _make_empty_chunk(chunk.start, chunk.count, target)
    for row in range(chunk.count):
        try:
            data = chunk.load(row)
            with decoding_clock.measure():
                pixels, header = decode(data, target, max_pixels)
        except SampleError as error:
            result.kept[row] = False
            result.failures.append((chunk.start + row, error.code, error.detail))
            continue
        result.pixels[row] = pixels
        result.widths[row], result.heights[row] = header.width, header.height
        result.modes[header.mode] += 1
        result.encodings[header.encoding] += 1
    return result


def _make_empty_chunk(start: int, count: int, target: Target) -> DecodedChunk:
    return DecodedChunk(
        start=start,
        pixels=np.empty((count, target.height, target.width, target.channels), dtype=np.uint8),
        kept=np.ones(count, dtype=np.bool_),
        widths=np.zeros(count, dtype=np.int32),
        heights=np.zeros(count, dtype=np.int32),
    )


def _make_array_jobs(source: ArrayImages, target: Target) -> Iterator[Callable[[], DecodedChunk]]:
    count = len(source.columns.given)
    step = max(1, _ARRAY_CHUNK_BYTES // max(1, int(np.prod(source.shape))))
    return (
        partial(_take_rows, source, target, start, min(start + step, count))
        for start in range(0, count, step)
    )


def _take_rows(source: ArrayImages, target: Target, start: int, stop: int) -> DecodedChunk:
    """Return rows of an array, resized if the target has another size."""
    pixels, kept = source.read(start, stop)
    result = _make_empty_chunk(start, stop - start, target)
    result.kept[:] = kept
    result.heights[:], result.widths[:] = source.shape[:2]
    result.failures = [
        (start + int(row), "non_finite_pixels", "expected finite pixels; found NaN or infinity")
        for row in np.flatnonzero(~kept)
    ]
    if source.shape[:2] == (target.height, target.width):
        result.pixels = pixels
    else:
        for row, image in enumerate(pixels):
            resized = fit(
                Image.fromarray(image[..., 0] if target.channels == 1 else image), target.width, target.height
            )
            result.pixels[row] = np.asarray(resized).reshape(result.pixels.shape[1:])
    return result
