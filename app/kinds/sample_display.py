"""The values that plug-ins take and give back when they show samples."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.infra.storage import Storage
from app.tables import Dataset, Sample


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """What a page must know of a dataset's kind."""

    shape_title: str
    """Says what the dataset's shape is the shape of."""
    has_pictures: bool
    """Whether samples have an `image_url`; others are shown by their keys."""
    is_pixelated: bool
    """Whether pictures are so small that they are enlarged without smoothing."""
    has_originals: bool
    """Whether the uploaded picture shows more than the one that was trained on."""
    sample_view: str
    """How the review shows one sample: a key of VIEWS in static/sample_views.js."""


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """A sample and where its content is stored."""

    files: Storage
    dataset: Dataset
    sample: Sample
    upload_names: Sequence[str]
    """The uploaded files."""


@dataclass(frozen=True, kw_only=True)
class PictureChoice:
    """Which picture of a sample is asked for."""

    is_original: bool
    """The uploaded picture; else the pixels that are trained on."""
    side: int | None
    """Pixels to which those trained on are enlarged; None: as they are."""
    pixels_max: int
    """Of an original."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded picture."""

    content: bytes
    media_type: str
