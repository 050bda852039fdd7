"""Display of feature vectors: numbers, beside those of similar samples."""

import math
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.errors import Invalid
from app.infra.storage import PACK, Storage
from app.kinds.sample_display import Appearance, Picture, PictureChoice, StoredSample, Value
from app.tables import Dataset


class FeatureDisplay:
    """See `ShownKind`."""

    def describe(self, _: Sequence[int]) -> Appearance:
        """Return what pages need."""
        return Appearance(
            shape_title="Features",
            has_pictures=False,
            sample_view="features",
        )

    def find_picture_addresses(self, _: UUID) -> str | None:
        """Return None."""
        return None

    def read_picture(self, stored: StoredSample, _: PictureChoice) -> Picture:
        """Raise Invalid: there are no pictures."""
        raise Invalid(f"a dataset of {stored.dataset.kind} has no pictures")

    def open_pictures(self, _: Storage, __: Dataset, *, side_min: int | None) -> None:
        """Return None."""

    def open_values(self, files: Storage, dataset: Dataset) -> Callable[[int], list[Value]]:
        """Return a function that reads a position's row of numbers."""
        rows = np.load(files.fetch_pack_file(dataset, PACK), mmap_mode="r")
        return lambda position: [None if math.isnan(value) else value for value in rows[position].tolist()]

    def open_snippets(self, _: Storage, __: Dataset) -> Callable[[int], str] | None:
        """Return None: a row has no words."""
        return None

    def select_values(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows."""
        return rows

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows [n, D] unchanged, as float32."""
        return rows.astype(np.float32)
