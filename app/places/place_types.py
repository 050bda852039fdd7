"""What a place is to its readers: files by name, each with a fingerprint, and how reading one can fail."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from app.infra.errors import Gone, Invalid, WrongState
from app.tables import Json
from models.reading.archive_names import hide_query

WEB = ("http://", "https://")
LINK = "link"
"""Tag of a link in a folder: it is listed, so that people learn of it, and never followed."""


class UnusablePlace(Invalid):
    """A place may not be read, or does not answer as it should."""

    code = "unusable_place"


class OriginalGone(Gone):
    """A file that a dataset refers to is no longer in its place."""

    code = "original_gone"


class OriginalChanged(WrongState):
    """A file that a dataset refers to has other bytes than when the dataset was read."""

    code = "original_changed"


class TooLong(Invalid):
    """A file has more bytes than are read."""

    code = "member_too_large"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedFile:
    """One file of a place."""

    name: str
    """Its path below the place; in a list of addresses, the address as the list writes it."""
    location: str
    """Where it is read: a path below the folder or prefix, or a URL."""
    size: int | None = None
    """Bytes; None: not known before it is read."""
    tag: str | None = None
    """Changes with the content, as far as the place says: time of change, ETag; None: it does not say."""

    @property
    def is_link(self) -> bool:
        """Return whether it is a link, which is not followed."""
        return self.tag == LINK

    @property
    def shown_name(self) -> str:
        """Return the name as people may see it: an address without its query, which may be signed."""
        return hide_query(self.name) if self.location.startswith(WEB) else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedContent:
    """The bytes of a file, and its tag when they were read."""

    data: bytes
    tag: str | None


class Place(Protocol):
    """Files that lie somewhere; methods are safe in threads."""

    def list_files(self) -> Iterator[PlacedFile]:
        """Yield all files in the order of their names; UnusablePlace if that is impossible."""

    def inspect(self, file: PlacedFile) -> PlacedFile:
        """Return the file as it is now, without reading it; OriginalGone if it is not there."""

    def read(self, file: PlacedFile, *, most: int) -> PlacedContent:
        """Return the content; OriginalGone if it is not there, TooLong if it has more than `most` bytes."""


def show_place(place: Json) -> Json:
    """Return a dataset's place as people may see it: an address without its query and user."""
    kind, url = place["kind"], place["url"]
    return {"kind": kind, "url": hide_query(url) if kind == "table" else url}


def make_gone(name: str) -> OriginalGone:
    """Make the error for a file that is not there."""
    return OriginalGone(f"{name!r} is no longer in the place of this dataset; synchronise the dataset")


def make_long(name: str, most: int) -> TooLong:
    """Make the error for a file that is larger than allowed."""
    return TooLong(f"expected at most {most} bytes; {name!r} has more")
