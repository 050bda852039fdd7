"""The kinds of data by name: the form of a sample, and the networks and options for it.

app, worker and models all use these facts. What each of them does with the samples is in `app/kinds`,
`worker/kinds` and `models/kinds`. CONTRIBUTING.md lists the files of a new kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

TEXTS_FILE = "texts.parquet"
"""The file beside a pack with the texts, in one column, in order of position; absent without texts."""
TERMS = "terms.npz"
"""The file beside a pack with the terms of its texts and their weights; absent without texts."""
SIGNATURE = 132
"""The last values of a stored text, which tell copies and near copies: a hash of it, and a sketch of its
sequences of characters. Those before are its reduced values, as the bits of float16."""
CELLS = "cells.parquet"
"""The file beside a pack with the cells of a table, row by row in order of position; absent without cells."""
Encoded = Literal["pictures", "texts"]
"""What a pretrained encoder turns into features."""
NetworkInput = Literal["image", "vector"]
"""The input of a network: an image [C, S, S] or a vector [D]. Every network and every kind names one."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data."""

    name: str
    """Stored in the database and named in the API, in the plural: "images"."""
    axes: tuple[str, ...]
    """The dimensions of one stored sample: H x W pixels, C channels, D values."""
    dtype: str
    """The numpy type of the stored values."""
    network_input: NetworkInput
    """The form of a sample after preparation for a network."""
    has_input_size: bool
    """Whether samples are scaled to a side in pixels for the network."""
    has_augmentation: bool
    """Whether samples can be changed at random in training; the augmentations are for images."""
    has_pictures: bool
    """Whether a sample can be shown as a picture."""
    encoded_by: Encoded | None
    """What the encoders take that take these samples; None: none takes them."""

    def is_kind_of(self, shape: Sequence[int], dtype: object = None) -> bool:
        """Return whether a sample of this kind can have this shape and, if given, this numpy dtype."""
        return len(shape) == len(self.axes) and (dtype is None or str(dtype) == self.dtype)


IMAGES = Kind(
    name="images",
    axes=("H", "W", "C"),
    dtype="uint8",
    network_input="image",
    has_input_size=True,
    has_augmentation=True,
    has_pictures=True,
    encoded_by="pictures",
)
FEATURES = Kind(
    name="features",
    axes=("D",),
    dtype="float32",
    network_input="vector",
    has_input_size=False,
    has_augmentation=False,
    has_pictures=False,
    encoded_by=None,
)

TABLES = Kind(
    name="tables",
    axes=("D",),
    dtype="float64",
    network_input="vector",
    has_input_size=False,
    has_augmentation=False,
    has_pictures=False,
    encoded_by=None,
)
"""Rows of a table with categories, dates or blanks, encoded as numbers that are on one scale already."""

TEXTS = Kind(
    name="texts",
    axes=("D",),
    dtype="int16",
    network_input="vector",
    has_input_size=False,
    has_augmentation=False,
    has_pictures=False,
    encoded_by="texts",
)
"""Texts by their terms, reduced to a few numbers, with a signature (`SIGNATURE`)."""

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (IMAGES, FEATURES, TABLES, TEXTS)}
"""Every kind by its name."""


def find_kind(shape: Sequence[int], dtype: object = None) -> Kind:
    """Return the first kind in `KINDS` whose samples have this shape.

    Args:
        shape: the shape of one sample, without the number of samples.
        dtype: the array's numpy dtype or its name; None: only the number of dimensions is compared.

    Raises:
        ValueError: no kind has samples of this shape and dtype.

    """
    for kind in KINDS.values():
        if kind.is_kind_of(shape, dtype):
            return kind
    expected = " or ".join(f"{kind.dtype} [N, {', '.join(kind.axes)}]" for kind in KINDS.values())
    dtype_text = "" if dtype is None else f"{dtype} "
    raise ValueError(f"Samples must be {expected}, not {dtype_text}[N, {', '.join(map(str, shape))}].")
