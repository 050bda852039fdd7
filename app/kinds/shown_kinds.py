"""The protocol of display plug-ins, and their registry by kind of data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from app.kinds.feature_display import FeatureDisplay
from app.kinds.image_display import ImageDisplay
from app.kinds.sample_display import Appearance, Picture, PictureChoice, StoredSample, Value
from app.kinds.table_display import TableDisplay
from app.kinds.text_display import TextDisplay
from app.tables import Dataset


class ShownKind(Protocol):
    """Displays samples of one kind of data."""

    def describe(self, shape: Sequence[int]) -> Appearance:
        """Return what pages need for a dataset with samples of this shape."""
        ...

    def find_picture_addresses(self, dataset_id: UUID) -> str | None:
        """Return the common prefix of the pictures' URLs, before the position; None: no pictures."""
        ...

    def read_picture(self, stored: StoredSample, choice: PictureChoice) -> Picture:
        """Return the picture of a sample; raise Invalid or NotFound if there is none."""
        ...

    def open_pictures(
        self, files: Storage, dataset: Dataset, *, side_min: int | None
    ) -> Callable[[int], bytes] | None:
        """Return a function that draws a position's PNG, `side_min` pixels or more; None: no pictures."""
        ...

    def open_values(self, files: Storage, dataset: Dataset) -> Callable[[int], list[Value]] | None:
        """Return a function that reads a position's values for people; None: a sample has none to show."""
        ...

    def open_snippets(
        self, files: Storage, dataset: Dataset, *, is_whole: bool = False
    ) -> Callable[[int], str] | None:
        """Return a function that tells a position in words, its first ones or all; None: it has none."""
        ...

    def select_values(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return rows [n, ...] of a pack as an npz has them."""
        ...

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows [n, ...] of a pack as vectors [n, D]; a small distance means similar samples."""
        ...


SHOWN_KINDS: Mapping[str, ShownKind] = {
    "images": ImageDisplay(),
    "features": FeatureDisplay(),
    "tables": TableDisplay(),
    "texts": TextDisplay(),
}
"""By name, as in `models.catalogue.kinds`."""


def find_shown_kind(dataset: Dataset) -> ShownKind:
    """Return the plug-in for a ready dataset."""
    assert dataset.kind is not None, "a ready dataset has a kind"
    return SHOWN_KINDS[dataset.kind]


def describe_dataset(dataset: Dataset) -> Appearance | None:
    """Return what pages need to show a dataset; None while its kind is unknown."""
    return None if dataset.kind is None else SHOWN_KINDS[dataset.kind].describe(dataset.shape or ())


def find_picture_addresses(kind: str | None, dataset_id: UUID) -> str | None:
    """Return the common prefix of a dataset's picture URLs, before the position; None: no pictures."""
    return None if kind is None else SHOWN_KINDS[kind].find_picture_addresses(dataset_id)


def find_picture_address(dataset: Dataset, position: int) -> str | None:
    """Return the URL of a sample's picture; None: it has none."""
    prefix = find_picture_addresses(dataset.kind, dataset.id)
    return None if prefix is None else make_picture_address(prefix, position)


def make_picture_address(addresses: str, position: int) -> str:
    """Return the URL of a sample's picture, from the prefix that `find_picture_addresses` returned."""
    return f"{addresses}{position}/image"


def find_position(picture_address: str) -> int:
    """Return the position of the sample whose picture has this URL."""
    return int(picture_address.split("/")[-2])
