"""The pictures of a range of samples: the uploaded originals, or the pack where there are none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from PIL import Image

from app.infra.errors import ApiError
from models.reading.boxes.crop_region import Box
from worker.features.encoded_before import NO_DIGEST, digest_input
from worker.features.shard_samples import Loaded, Unreadable
from worker.formats.archives.zips import decompress
from worker.formats.packs.samples_table import BOX_COLUMNS
from worker.formats.pictures.box_decoding import cut_out
from worker.formats.pictures.picture_decoding import decode_rgb
from worker.formats.shared.problems import SampleError
from worker.jobs.bulk_copy import copy_from

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from uuid import UUID

    import numpy.typing as npt
    import pyarrow as pa
    from sqlalchemy.orm import Session

GAP_BYTES = 1 << 20
"""Bytes between two originals that are read and thrown away rather than asked for one by one: a request to a
bucket takes as long as about a mebibyte."""
READ_BYTES_MAX = 64 << 20
LOCATIONS = (
    "SELECT source_offset, source_length, source_method, box_left, box_top, box_width, box_height"
    " FROM samples WHERE dataset_id = %s AND position >= %s AND position < %s ORDER BY position"
)


@dataclass(frozen=True, kw_only=True)
class OriginalPictures:
    """See `ShardSamples`."""

    start: int
    samples: pa.Table
    side: int
    """The encoder's, in pixels."""
    read_upload: Callable[[int, int], bytes]
    """Returns a range (start, length) of the uploaded file; of files elsewhere, the file of an offset."""
    pack: npt.NDArray[np.uint8]
    """All samples [N, H, W, C], memory-mapped."""
    max_pixels: int
    max_bytes: int
    """Of one original after decompression."""
    read_each: Callable[[Sequence[int]], list[bytes | ApiError]] | None = None
    """Returns the files of offsets, which lie elsewhere; None: they are ranges of the uploaded file."""
    brightest: float | None = None
    """The value that becomes 255 in originals of more than 8 bits, one for the dataset."""

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, first: int, last: int) -> Self:
        """Return the rows first to last - 1 alone."""
        return replace(self, start=self.start + first, samples=self.samples.slice(first, last - first))

    def load(self, first: int, last: int, known: Container[bytes] = frozenset()) -> Iterator[Loaded]:
        """Yield the upright RGB pictures of the rows first to last - 1; known ones are not decoded.

        Where an original cannot be decoded, the picture is the pack's, and it is named. JPEGs may
        come smaller than they are, but no side shorter than twice `side` pixels.
        """
        part = self.samples.slice(first, last - first)
        stored = self._read(part)
        boxes = read_boxes(part)
        last_data: bytes | None = None
        picture = None
        content = b""
        for row, data in enumerate(stored):
            position = self.start + first + row
            if data is None:
                yield self._load_stored(position, known)
                continue
            if isinstance(data, ApiError):
                problem = Unreadable(position=position, detail=f"{data.code}: {data.detail}")
                yield Loaded(digest=NO_DIGEST, sample=self._show_pack(position), problem=problem)
                continue
            try:
                box = boxes[row]
                if data is not last_data:  # boxes of one picture follow one another
                    content = self._unpack(data, part["source_method"][row].as_py())
                    last_data, picture = data, None
                digest = digest_input(content, box, self.brightest)
                if digest in known:
                    yield Loaded(digest=digest, sample=None)
                    continue
                picture = picture or self._decode(content, None if box else self.side)
                yield Loaded(digest=digest, sample=picture if box is None else cut_out(picture, box))
            except SampleError as error:
                last_data = None
                problem = Unreadable(position=position, detail=f"{error.code}: {error.detail}")
                yield Loaded(digest=NO_DIGEST, sample=self._show_pack(position), problem=problem)

    def _read(self, part: pa.Table) -> Sequence[bytes | ApiError | None]:
        if self.read_each is None:
            return read_stored(part, self.read_upload)
        offsets: Any = part["source_offset"].to_pylist()
        wanted = list(dict.fromkeys(offset for offset in offsets if offset is not None))
        found = dict(zip(wanted, self.read_each(wanted), strict=True))
        return [None if offset is None else found[offset] for offset in offsets]

    def _unpack(self, data: bytes, method: int | None) -> bytes:
        if method is not None:
            data = decompress(data, method, self.max_bytes)
        if len(data) > self.max_bytes:
            raise SampleError(
                "member_too_large", f"expected at most {self.max_bytes} bytes; found a larger picture"
            )
        return data

    def _decode(self, content: bytes, side: int | None) -> Image.Image:
        return decode_rgb(content, self.max_pixels, least_side=side and 2 * side, brightest=self.brightest)

    def _load_stored(self, position: int, known: Container[bytes]) -> Loaded:
        """Return the pixels of a sample that has no original."""
        pixels = np.ascontiguousarray(self.pack[position])
        digest = digest_input(pixels.tobytes(), pixels.shape, pixels.dtype.str)
        return Loaded(digest=digest, sample=None if digest in known else self._show_pack(position))

    def _show_pack(self, position: int) -> Image.Image:
        pixels = np.asarray(self.pack[position])
        return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")


def select_samples(session: Session, dataset_id: UUID, start: int, stop: int) -> pa.Table:
    """Return the locations of the originals of the positions start to stop - 1, in order."""
    return copy_from(session, LOCATIONS, dataset_id, start, stop)


def read_stored(samples: pa.Table, read_upload: Callable[[int, int], bytes]) -> list[bytes | None]:
    """Return the stored bytes of samples; None for those without an original.

    Originals that lie close together are read at once.
    """
    stored: list[bytes | None] = [None] * len(samples)
    offsets: Any = samples["source_offset"].to_pylist()
    lengths: Any = samples["source_length"].to_pylist()
    rows = [row for row in range(len(samples)) if offsets[row] is not None and lengths[row] is not None]
    rows.sort(key=lambda row: offsets[row])
    for run in _group(rows, offsets, lengths):
        first = offsets[run[0]]
        block = read_upload(first, offsets[run[-1]] + lengths[run[-1]] - first)
        before = -1
        for row in run:
            at = offsets[row] - first
            is_same = before >= 0 and offsets[row] == offsets[before]  # several boxes of one picture
            stored[row] = stored[before] if is_same else block[at : at + lengths[row]]
            before = row
    return stored


def read_boxes(samples: pa.Table) -> list[Box | None]:
    """Return where samples lie in their pictures; None for those that are whole pictures."""
    columns: Any = [samples[name].to_pylist() for name in BOX_COLUMNS]
    return [None if values[0] is None else Box(*values) for values in zip(*columns, strict=True)]


def _group(rows: list[int], offsets: list[int], lengths: list[int]) -> Iterator[list[int]]:
    """Yield rows whose bytes are read together, in order of offset."""
    run: list[int] = []
    for row in rows:
        end = offsets[run[-1]] + lengths[run[-1]] if run else 0
        is_far = run and offsets[row] - end > GAP_BYTES
        is_large = run and offsets[row] + lengths[row] - offsets[run[0]] > READ_BYTES_MAX
        if is_far or is_large:
            yield run
            run = []
        run.append(row)
    if run:
        yield run
