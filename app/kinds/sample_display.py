"""Parameters and results of the display plug-ins."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.infra.storage import Storage
from app.tables import Dataset, Sample


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """What pages need to show a dataset of a kind."""

    shape_title: str
    """Title of the dataset's shape."""
    has_pictures: bool
    """Whether samples have an `image_url`; others are shown by their keys."""
    is_pixelated: bool
    """Whether pictures are small, and therefore enlarged without smoothing."""
    has_originals: bool
    """Whether uploaded pictures have more detail than the pixels used for training."""
    sample_view: str
    """How the review shows one sample: a key of VIEWS in static/sample_views.js."""


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """A sample and the place of its content."""

    files: Storage
    dataset: Dataset
    sample: Sample
    upload_names: Sequence[str]
    """The uploaded files."""


@dataclass(frozen=True, kw_only=True)
class PictureChoice:
    """Which picture of a sample to return."""

    is_original: bool
    """True: the uploaded picture; False: the pixels used for training."""
    side: int | None
    """Pixels to which the training pixels are enlarged; None: not enlarged."""
    pixels_max: int
    """Most pixels of an original."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded picture."""

    content: bytes
    media_type: str
