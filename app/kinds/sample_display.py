"""Parameters and results of the display plug-ins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.infra.storage import Storage
from app.places.originals import PlacedOriginals
from app.tables import Dataset, DatasetFile, Sample

Variant = Literal["pack", "original", "display", "whole"]

Value = float | str | None
"""One value of a sample, as people read it; None: blank."""
SNIPPET_LENGTH = 160
"""Characters of a sample's first words, which lists show instead of a picture."""


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """What pages need to show a dataset of a kind."""

    shape_title: str
    """Title of the dataset's shape."""
    has_pictures: bool
    """Whether samples have an `image_url`; others are shown by their keys."""
    sample_view: str
    """How the review shows one sample: a key of VIEWS in static/sample_views.js."""


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """A sample and the place of its content."""

    files: Storage
    dataset: Dataset
    sample: Sample
    uploads: Sequence[DatasetFile]
    """The uploaded files."""
    originals: PlacedOriginals | None = None
    """Reads the files of a dataset that lie elsewhere; None: they were uploaded."""


@dataclass(frozen=True, kw_only=True)
class PictureChoice:
    """Which picture of a sample to return."""

    variant: Variant
    """The pixels used for training, the file as uploaded, the uploaded picture as browsers show it, or the
    picture around a sample that is a box."""
    side: int | None
    """Pixels to which the training pixels are enlarged, or most of a displayed picture; None: as they are."""
    pixels_max: int
    """Most pixels of an original."""
    cache_bytes: int
    """Most bytes of converted pictures to keep on this host."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded picture."""

    content: bytes
    media_type: str


def cut_text(text: str) -> str:
    """Return a text in one line, cut after SNIPPET_LENGTH characters."""
    line = " ".join(text[: 2 * SNIPPET_LENGTH].split())
    is_cut = len(line) > SNIPPET_LENGTH or len(text) > 2 * SNIPPET_LENGTH
    return line[:SNIPPET_LENGTH].rstrip() + "…" if is_cut else line
