"""Display of images: from the pack, or as uploaded."""

import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.datasets.sample_boxes import read_box
from app.infra.errors import Invalid
from app.infra.storage import PACK, Storage
from app.kinds import browser_pictures, picture_cache, sample_pictures
from app.kinds.sample_display import Appearance, Picture, PictureChoice, StoredSample
from app.tables import Dataset

PACK_SIDE_MAX = 1024
"""Pixels to which training pixels are enlarged at most: 1,024 x 1,024 pixels of PNG take 30 ms."""
CONVERSION_VERSION = 1
"""To be raised when `browser_pictures` converts in another way."""
COMPARED_SIDE = 16
"""Pixels along a side when pictures are compared."""


class ImageDisplay:
    """See `ShownKind`."""

    def describe(self, _: Sequence[int]) -> Appearance:
        """Return what pages need."""
        return Appearance(
            shape_title="Image shape",
            has_pictures=True,
            sample_view="picture",
        )

    def find_picture_addresses(self, dataset_id: UUID) -> str | None:
        """Return the common prefix of the pictures' URLs."""
        return f"/v1/datasets/{dataset_id}/samples/"

    def read_picture(self, stored: StoredSample, choice: PictureChoice) -> Picture:
        """Return the picture of a sample.

        Raises:
            NotFound: the original is wanted, and the upload does not contain it as a separate file.
            Invalid: the original is wanted, and browsers cannot show it; or the side is too large.

        """
        if choice.variant in {"display", "whole"}:
            return _read_display(stored, choice) or _draw_pack(stored, None)
        if choice.variant == "pack":
            if choice.side is not None and choice.side > PACK_SIDE_MAX:
                raise Invalid(f"side: at most {PACK_SIDE_MAX} for variant=pack, found {choice.side}")
            return _draw_pack(stored, choice.side)
        try:
            with _open_original(stored) as content:
                media_type = sample_pictures.find_media_type(content, max_pixels=choice.pixels_max)
                return Picture(content=content, media_type=media_type)
        except sample_pictures.TooLarge:
            limit = sample_pictures.ORIGINAL_BYTES >> 20
            raise Invalid(f"this original has more than {limit} MiB; use variant=pack") from None

    def open_pictures(
        self, files: Storage, dataset: Dataset, *, side_min: int | None
    ) -> Callable[[int], bytes] | None:
        """Return a function that draws the picture of a position as PNG."""
        read_pack = files.make_reader(files.locate_pack(dataset.id) / PACK)
        side = None if side_min is None else max(side_min, *(dataset.shape or [0])[:2])
        return lambda position: sample_pictures.draw_pack_row(read_pack, position, side=side)

    def open_values(self, _: Storage, __: Dataset) -> None:
        """Return None."""

    def open_snippets(self, _: Storage, __: Dataset, *, is_whole: bool = False) -> None:
        """Return None."""

    def select_values(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows."""
        return rows

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows [n, H, W, C] of a pack as vectors; large pictures are subsampled."""
        step = max(1, max(rows.shape[1:3]) // COMPARED_SIDE)
        return rows[:, ::step, ::step].reshape(len(rows), -1).astype(np.float32)


def _draw_pack(stored: StoredSample, side: int | None) -> Picture:
    read_pack = stored.files.make_reader(stored.files.locate_pack(stored.dataset.id) / PACK)
    png = sample_pictures.draw_pack_row(read_pack, stored.sample.position, side=side)
    return Picture(content=png, media_type="image/png")


def _open_original(stored: StoredSample) -> AbstractContextManager[bytes]:
    if stored.originals is not None:
        return sample_pictures.open_original(stored.sample, stored.originals.read)
    path = stored.files.locate_upload(stored.dataset.id, stored.uploads[0].name)
    return sample_pictures.open_original(stored.sample, stored.files.make_reader(path))


def _name_source(stored: StoredSample) -> tuple[object, ...]:
    """Return what stands for the bytes of the original; of one in its place, after a look at it.

    Raises:
        ApiError: it is gone, has changed or cannot be had, so that a cached picture would be an old one.

    """
    offset, length = stored.sample.source_offset, stored.sample.source_length
    if stored.originals is None or offset is None:
        return (stored.uploads[0].sha256, offset, length)
    stored.originals.check(offset)
    return ("placed", stored.originals.get_digest(offset))


def _read_display(stored: StoredSample, choice: PictureChoice) -> Picture | None:
    """Return the uploaded picture as browsers show it; None: there is none, or it cannot be decoded."""
    sample, folder = stored.sample, stored.files.locate_dataset(stored.dataset.id)
    if sample.source_offset is None:
        return None
    side = None if choice.side is None else browser_pictures.choose_side(choice.side)
    box = read_box(sample) if choice.variant == "display" else None
    name = picture_cache.name_content(
        CONVERSION_VERSION, *_name_source(stored), side, *(() if box is None else box)
    )
    cached = picture_cache.find_picture(folder, name)
    if cached is not None:
        return cached
    try:
        with _open_original(stored) as content:
            picture, is_converted = browser_pictures.make_showable(
                content,
                side=side,
                max_pixels=choice.pixels_max,
                box=box,
                brightest=(stored.dataset.statistics or {}).get("brightest"),
            )
    except (browser_pictures.NotShowable, sample_pictures.TooLarge, zlib.error):
        return None
    if is_converted:
        picture_cache.store_picture(stored.files, folder, name, picture, max_bytes=choice.cache_bytes)
    return picture
