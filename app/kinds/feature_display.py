"""Display of feature vectors: numbers, beside those of similar samples."""

import math
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.errors import Invalid
from app.infra.storage import PACK, Storage
from app.kinds.sample_display import (
    SNIPPET_LENGTH,
    Appearance,
    Picture,
    PictureChoice,
    StoredSample,
    Value,
    cut_text,
)
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

    def open_snippets(
        self, files: Storage, dataset: Dataset, *, is_whole: bool = False
    ) -> Callable[[int], str] | None:
        """Return a function that tells a row by its named values; None: they have no names."""
        names = (dataset.statistics or {}).get("feature_names") or []
        if names == [f"x{column}" for column in range(len(names))]:  # as arrays without names are read
            return None
        read = self.open_values(files, dataset)
        longest = None if is_whole else SNIPPET_LENGTH
        return lambda position: _tell_row(names, read(position), longest)

    def select_values(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows."""
        return rows

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows [n, D] unchanged, as float32."""
        return rows.astype(np.float32)


def _tell_row(names: Sequence[str], values: Sequence[Value], longest: int | None) -> str:
    """Return `age 41 · city Rome`, without blank values and cut where it is longer."""
    told: list[str] = []
    length = 0
    for name, value in zip(names, values, strict=False):  # of very wide tables the first names are stored
        text = f"{value:.6g}" if isinstance(value, float) else value
        if text is None or not text.strip():
            continue
        told.append(f"{name} {text}")
        length += len(told[-1])
        if longest is not None and length > longest:
            break
    return " · ".join(told) if longest is None else cut_text(" · ".join(told))
