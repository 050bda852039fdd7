"""An S3-compatible bucket: upload, download and range reads of objects, and deletion by prefix."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import RetryConfig

# The client gives up on a request whose body is incomplete after 30 seconds, and the reader can be slow.
REQUEST_BYTES = 2**23
# S3 accepts at most 10,000 parts for one object.
PART_BYTES_MIN, PARTS_MAX = 2**23, 9_000
PARTS_AT_ONCE = 4
DELETED_AT_ONCE = 1_000
LISTED_AT_ONCE = 1_000
FOREIGN_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


class Bucket:
    """Objects by key under one prefix. A missing object raises FileNotFoundError."""

    def __init__(
        self,
        url: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        key_id: str | None = None,
        secret: str | None = None,
        is_foreign: bool = False,
    ) -> None:
        """Open `s3://bucket/prefix`; None: the value comes from AWS's variables or the host's role.

        A foreign bucket is one that a user names: it is never read with this host's own credentials, without
        a key it is read unsigned, and a server that does not answer is given up soon.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError(f"expected s3://bucket or s3://bucket/prefix, found {url!r}")
        options: dict[str, Any] = {
            "endpoint": endpoint, "region": region, "access_key_id": key_id, "secret_access_key": secret,
        }  # fmt: skip
        if is_foreign:
            options |= {"skip_signature": True if key_id is None else None, "retry_config": FOREIGN_RETRIES}
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options={"allow_http": (endpoint or "").startswith("http://")},
            virtual_hosted_style_request=endpoint is None,
            **{name: value for name, value in options.items() if value is not None},
        )

    def put(self, key: str, path: Path) -> None:
        """Upload a file, in several parts if it is large; the object appears complete or not at all."""
        part_bytes = max(PART_BYTES_MIN, -(-path.stat().st_size // PARTS_MAX))
        obstore.put(self._store, key, path, chunk_size=part_bytes, max_concurrency=PARTS_AT_ONCE)

    def get(self, key: str, path: Path) -> None:
        """Download an object to a file, which appears complete or not at all."""
        partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                for block in self.stream(key):
                    file.write(block)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def stream(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `start` up to `stop`, at most 8 MiB at a time."""
        size = self.measure_size(key)
        stop = size if stop is None else min(stop, size)
        for first in range(start, stop, REQUEST_BYTES):
            yield self.read(key, start=first, length=min(REQUEST_BYTES, stop - first))

    def read(self, key: str, *, start: int, length: int) -> bytes:
        """Return a range of an object, shorter where the object ends."""
        return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def measure_size(self, key: str) -> int:
        """Return an object's length in bytes."""
        return int(obstore.head(self._store, key)["size"])

    def list_objects(self) -> Iterator[tuple[str, int, str | None]]:
        """Yield key, bytes and ETag of every object below the prefix, in order of the keys."""
        for page in obstore.list(self._store, chunk_size=LISTED_AT_ONCE):
            for item in page:
                yield item["path"], item["size"], item["e_tag"]

    def inspect(self, key: str) -> tuple[int, str | None]:
        """Return an object's length in bytes and its ETag."""
        found = obstore.head(self._store, key)
        return int(found["size"]), found["e_tag"]

    def read_object(self, key: str, *, most: int) -> tuple[bytes | None, str | None]:
        """Return an object and its ETag by one request; None instead of more than `most` bytes."""
        found = obstore.get(self._store, key)
        tag = found.meta["e_tag"]
        return (None if found.meta["size"] > most else bytes(found.bytes())), tag

    def exists(self, key: str) -> bool:
        """Return whether an object with this key exists."""
        try:
            self.measure_size(key)
        except FileNotFoundError:
            return False
        return True

    def remove(self, prefix: str) -> None:
        """Delete all objects under a prefix and the object with that name; missing objects are no error."""
        self._delete([prefix] if self.exists(prefix) else [])
        for page in obstore.list(self._store, prefix=f"{prefix}/", chunk_size=DELETED_AT_ONCE):
            self._delete([item["path"] for item in page])

    def _delete(self, keys: list[str]) -> None:
        if keys:
            obstore.delete(self._store, keys)

    def check(self) -> None:
        """Raise unless the bucket answers."""
        next(iter(obstore.list(self._store, chunk_size=1)), None)
