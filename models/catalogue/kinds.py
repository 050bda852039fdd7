"""The kinds of data by name: what a sample is, and which networks and options its kind has.

This is the part of a kind that all of app, worker and models may know. What each of them does with the
samples is in `app/kinds`, `worker/kinds` and `models/kinds`; CONTRIBUTING.md lists the files of a new kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

NetworkInput = Literal["image", "vector"]
"""What a network takes: an image [C, S, S], or a vector [D]. A network says which, and so does a kind."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data."""

    name: str
    """Stored in the database and named in the API, in the plural: "images"."""
    axes: tuple[str, ...]
    """The dimensions of one stored sample: H x W pixels, C channels, D values."""
    dtype: str
    """The type of the stored values, as numpy names it."""
    network_input: NetworkInput
    """What a network sees of a sample once it is prepared."""
    has_input_size: bool
    """Whether samples are scaled to a side in pixels before a network sees them."""
    has_augmentation: bool
    """Whether samples may be changed at random while training; the augmentations are those of images."""
    has_pictures: bool
    """Whether a sample can be shown as a picture."""
    encoded_as: str | None
    """The kind that a pretrained backbone makes of the samples; None where no backbone takes them."""

    def is_kind_of(self, shape: Sequence[int], dtype: object = None) -> bool:
        """Return whether one sample may have this shape and, if given, this numpy dtype."""
        return len(shape) == len(self.axes) and (dtype is None or str(dtype) == self.dtype)


IMAGES = Kind(
    name="images",
    axes=("H", "W", "C"),
    dtype="uint8",
    network_input="image",
    has_input_size=True,
    has_augmentation=True,
    has_pictures=True,
    encoded_as="features",
)
FEATURES = Kind(
    name="features",
    axes=("D",),
    dtype="float32",
    network_input="vector",
    has_input_size=False,
    has_augmentation=False,
    has_pictures=False,
    encoded_as=None,
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (IMAGES, FEATURES)}
"""Every kind by its name."""


def find_kind(shape: Sequence[int], dtype: object = None) -> Kind:
    """Return the kind of samples of a shape, the first in `KINDS` that fits.

    Args:
        shape: of one sample, without the number of samples.
        dtype: of the array, a numpy dtype or its name; None: only the number of dimensions counts.

    Raises:
        ValueError: no kind has such samples.

    """
    for kind in KINDS.values():
        if kind.is_kind_of(shape, dtype):
            return kind
    known = " or ".join(f"{kind.dtype} [N, {', '.join(kind.axes)}]" for kind in KINDS.values())
    found = "" if dtype is None else f"{dtype} "
    raise ValueError(f"Samples are {known}, not {found}[N, {', '.join(map(str, shape))}].")
