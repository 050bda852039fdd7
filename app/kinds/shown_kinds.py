"""What the API and the pages ask of a kind of data, and the registry of those that answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from app.kinds.feature_display import FeatureDisplay
from app.kinds.image_display import ImageDisplay
from app.kinds.sample_display import Appearance, Picture, PictureChoice, StoredSample
from app.tables import Dataset


class ShownKind(Protocol):
    """How samples of a kind are shown."""

    shows_values: bool
    """Whether the numbers of a pack are shown as they are beside those of similar samples."""

    def describe(self, shape: Sequence[int]) -> Appearance:
        """Return what a page must know of a dataset whose samples have this shape."""
        ...

    def find_picture_addresses(self, dataset_id: UUID) -> str | None:
        """Return what the addresses of all pictures have before the position; None: there are none."""
        ...

    def read_picture(self, stored: StoredSample, choice: PictureChoice) -> Picture:
        """Return the picture of a sample; raise Invalid or NotFound where there is none."""
        ...

    def open_pictures(
        self, files: Storage, dataset: Dataset, *, side_min: int | None
    ) -> Callable[[int], bytes] | None:
        """Return what draws a position's picture as PNG, `side_min` pixels or more; None: there are none."""
        ...

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows [n, ...] of a pack as vectors [n, D] whose distance says how similar they look."""
        ...


SHOWN_KINDS: Mapping[str, ShownKind] = {
    "images": ImageDisplay(),
    "features": FeatureDisplay(),
}
"""By the names of `models.catalogue.kinds`."""


def find_shown_kind(dataset: Dataset) -> ShownKind:
    """Return the kind of a dataset that is ready."""
    assert dataset.kind is not None, "a dataset that is ready has a kind"
    return SHOWN_KINDS[dataset.kind]


def describe_dataset(dataset: Dataset) -> Appearance | None:
    """Return what a page must know of a dataset's kind; None while it is unknown."""
    return None if dataset.kind is None else SHOWN_KINDS[dataset.kind].describe(dataset.shape or ())


def find_picture_addresses(kind: str | None, dataset_id: UUID) -> str | None:
    """Return what the addresses of a dataset's pictures have before the position; None: it has none."""
    return None if kind is None else SHOWN_KINDS[kind].find_picture_addresses(dataset_id)


def find_picture_address(dataset: Dataset, position: int) -> str | None:
    """Return where a sample's picture is; None: it has none."""
    begin = find_picture_addresses(dataset.kind, dataset.id)
    return None if begin is None else make_picture_address(begin, position)


def make_picture_address(addresses: str, position: int) -> str:
    """Return where a sample's picture is, of what `find_picture_addresses` returned."""
    return f"{addresses}{position}/image"


def find_position(picture_address: str) -> int:
    """Return whose picture is at an address."""
    return int(picture_address.split("/")[-2])
