"""The protocol of a data kind for the search for data issues, and its registry; without torch."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.catalogue.kinds import find_kind
from models.kinds.feature_likeness import FeatureLikeness
from models.kinds.image_likeness import ImageLikeness
from models.kinds.sample_arrays import Inputs
from models.kinds.table_likeness import TableLikeness
from models.kinds.text_likeness import TextLikeness

Rows = npt.NDArray[Any]
Likeness = npt.NDArray[np.float32]
Compare = Callable[[Rows, Rows], Likeness]
"""Function that returns the likeness [P] of every pair of rows, at most 1."""


class ComparedKind(Protocol):
    """The comparison of a kind's stored samples."""

    blank_detail: str
    """The description of a blank sample."""
    thumbnail_size: int
    """T, the values of a thumbnail; thumbnails exclude most pairs early. 0: this kind has none."""

    def find_blanks(self, rows_B: Rows) -> npt.NDArray[np.bool_]:
        """Return which samples are blank [B]."""
        ...

    def make_thumbnails(self, rows_B: Rows) -> npt.NDArray[np.float16]:
        """Return vectors [B, T] of length 1, or 0 for blank samples; not called if T is 0."""
        ...

    def compare_thumbnails(self, one_PT: Likeness, other_PT: Likeness) -> Likeness:
        """Return the likeness [P] of every pair of thumbnails; not called if T is 0."""
        ...

    def make_comparison(self, inputs: Inputs) -> Compare:
        """Return the function that compares rows of these samples [N, ...]."""
        ...

    def make_points(self, inputs: Inputs, *, width: int) -> npt.NDArray[np.float16]:
        """Return vectors [N, at most `width`] whose Euclidean distance compares samples.

        They are made from the inputs alone: no label and no network enters.
        """
        ...

    def find_least_likeness(self, inputs: Inputs) -> float:
        """Return the lowest likeness of near duplicates, whatever the likeness of other pairs."""
        ...


COMPARED_KINDS: Mapping[str, ComparedKind] = {
    "images": ImageLikeness(),
    "features": FeatureLikeness(),
    "tables": TableLikeness(),
    "texts": TextLikeness(),
}
"""The kinds by their names in `catalogue.kinds`."""


def find_compared_kind(inputs: Inputs) -> ComparedKind:
    """Return the kind of samples [N, ...]; raise ValueError if no kind fits."""
    return COMPARED_KINDS[find_kind(inputs.shape[1:], inputs.dtype).name]
