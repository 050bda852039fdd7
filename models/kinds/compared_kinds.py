"""What the search for data issues asks of a kind of data, and the registry of those that answer; no torch."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.catalogue.kinds import find_kind
from models.kinds.feature_likeness import FeatureLikeness
from models.kinds.image_likeness import ImageLikeness
from models.kinds.sample_arrays import Inputs

Rows = npt.NDArray[Any]
Likeness = npt.NDArray[np.float32]
Compare = Callable[[Rows, Rows], Likeness]
"""Returns the likeness [P] of every pair of rows, at most 1."""


class ComparedKind(Protocol):
    """How samples of a kind are compared as they are stored."""

    blank_detail: str
    """Said of a sample that shows nothing."""
    thumbnail_size: int
    """T, values of a thumbnail, by which most pairs are ruled out; 0: this kind has none."""

    def find_blanks(self, rows_B: Rows) -> npt.NDArray[np.bool_]:
        """Return which samples show nothing [B]."""
        ...

    def make_thumbnails(self, rows_B: Rows) -> npt.NDArray[np.float16]:
        """Return vectors [B, T] of length 1, or 0 for blank samples; not called where T is 0."""
        ...

    def compare_thumbnails(self, one_PT: Likeness, other_PT: Likeness) -> Likeness:
        """Return the likeness [P] of every pair of thumbnails; not called where T is 0."""
        ...

    def make_comparison(self, inputs: Inputs) -> Compare:
        """Return what compares rows of these samples [N, ...]."""
        ...

    def find_least_likeness(self, inputs: Inputs) -> float:
        """Return the likeness from which two samples are near duplicates, however alike the others are."""
        ...


COMPARED_KINDS: Mapping[str, ComparedKind] = {
    "images": ImageLikeness(),
    "features": FeatureLikeness(),
}
"""By the names of `catalogue.kinds`."""


def find_compared_kind(inputs: Inputs) -> ComparedKind:
    """Return the kind of samples [N, ...]; raise ValueError where they are of none."""
    return COMPARED_KINDS[find_kind(inputs.shape[1:], inputs.dtype).name]
