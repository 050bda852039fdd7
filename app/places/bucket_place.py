"""A prefix of a bucket that speaks S3."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from app.infra.bucket import Bucket
from app.places.place_types import PlacedContent, PlacedFile, UnusablePlace, make_gone, make_long
from models.reading.archive_names import is_litter


class BucketPlace:
    """See `Place`."""

    def __init__(self, bucket: Bucket, url: str) -> None:
        self._bucket, self._url = bucket, url

    def list_files(self) -> Iterator[PlacedFile]:
        """Yield all objects below the prefix in the order of their names."""
        with self._translate_errors():
            for key, size, tag in self._bucket.list_objects():
                if not key.endswith("/") and not is_litter(key):
                    yield PlacedFile(name=key, location=key, size=size, tag=tag)

    def inspect(self, file: PlacedFile) -> PlacedFile:
        """Return the object with its size and ETag as they are now."""
        with self._translate_errors(file.name):
            size, tag = self._bucket.inspect(file.location)
        return PlacedFile(name=file.name, location=file.location, size=size, tag=tag)

    def read(self, file: PlacedFile, *, most: int) -> PlacedContent:
        """Return the content of an object, by one request."""
        with self._translate_errors(file.name):
            data, tag = self._bucket.read_object(file.location, most=most)
        if data is None:
            raise make_long(file.name, most)
        return PlacedContent(data=data, tag=tag)

    @contextmanager
    def _translate_errors(self, name: str | None = None) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if name is not None:
                raise make_gone(name) from None
            raise UnusablePlace(f"there is no bucket for {self._url!r}") from None
        except (BaseError, OSError) as error:
            # The text of these errors quotes the server's answer, which may be of any length.
            raise UnusablePlace(f"{self._url!r} cannot be read: {str(error)[:300]}") from None
