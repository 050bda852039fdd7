"""Display of images: from the pack, or as uploaded."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.storage import PACK, Storage
from app.kinds import sample_pictures
from app.kinds.sample_display import Appearance, Picture, PictureChoice, StoredSample
from app.tables import Dataset

PIXELATED_SIDE = 64
"""Pictures up to this height are enlarged without smoothing; their originals have no more detail."""
COMPARED_SIDE = 16
"""Pixels along a side when pictures are compared."""


class ImageDisplay:
    """See `ShownKind`."""

    shows_values = False

    def describe(self, shape: Sequence[int]) -> Appearance:
        """Return what pages need."""
        is_pixelated = bool(shape) and shape[0] <= PIXELATED_SIDE
        return Appearance(
            shape_title="Image shape",
            has_pictures=True,
            is_pixelated=is_pixelated,
            has_originals=not is_pixelated,
            sample_view="picture",
        )

    def find_picture_addresses(self, dataset_id: UUID) -> str | None:
        """Return the common prefix of the pictures' URLs."""
        return f"/v1/datasets/{dataset_id}/samples/"

    def read_picture(self, stored: StoredSample, choice: PictureChoice) -> Picture:
        """Return the picture of a sample.

        Raises:
            NotFound: the upload does not contain the original as a separate file.
            Invalid: browsers cannot show the original.

        """
        dataset_id, files = stored.dataset.id, stored.files
        if not choice.is_original:
            read_pack = files.make_reader(files.locate_pack(dataset_id) / PACK)
            png = sample_pictures.draw_pack_row(read_pack, stored.sample.position, side=choice.side)
            return Picture(content=png, media_type="image/png")
        read_upload = files.make_reader(files.locate_upload(dataset_id, stored.upload_names[0]))
        content = sample_pictures.read_original(stored.sample, read_upload, max_bytes=4 * choice.pixels_max)
        media_type = sample_pictures.find_media_type(content, max_pixels=choice.pixels_max)
        return Picture(content=content, media_type=media_type)

    def open_pictures(
        self, files: Storage, dataset: Dataset, *, side_min: int | None
    ) -> Callable[[int], bytes] | None:
        """Return a function that draws the picture of a position as PNG."""
        read_pack = files.make_reader(files.locate_pack(dataset.id) / PACK)
        side = None if side_min is None else max(side_min, *(dataset.shape or [0])[:2])
        return lambda position: sample_pictures.draw_pack_row(read_pack, position, side=side)

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows [n, H, W, C] of a pack as vectors; large pictures are subsampled."""
        step = max(1, max(rows.shape[1:3]) // COMPARED_SIDE)
        return rows[:, ::step, ::step].reshape(len(rows), -1).astype(np.float32)
