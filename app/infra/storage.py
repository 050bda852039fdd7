"""Files by path, in a local folder or in a bucket.

Every file has a path below one folder. Without a bucket, files stay there. With a bucket, the bucket stores
the files under the same relative names, and the folder is a workspace with a cache: a file is written there,
then published; readers use ranges, a private copy, or the cache.
"""

import fcntl
import glob
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from app.infra.bucket import Bucket
from app.infra.settings import Settings, get_settings
from app.tables import Dataset

BLOCK_BYTES = 2**20
PACK = "pack.npy"
SHOWN = "shown"
"""Folder of a dataset's converted pictures, on this host alone; they are made again when they are missing."""
EXPORTS = "export."
"""What the names of folders of files begin with that are written to be sent once."""
LOCKS = 64
SPARED_SECONDS = 60
"""A cached file used within this time is not evicted: its reader may not have opened it yet."""


class Storage:
    """The folder of uploads, packs and results, and the optional bucket."""

    def __init__(self, root: Path, bucket: Bucket | None = None, *, cache_bytes: int = 0) -> None:
        self.root = root
        self._bucket = bucket
        self._cache_bytes = cache_bytes

    def locate_upload(self, dataset_id: UUID, name: str) -> Path:
        """Return the path of an uploaded file."""
        return self.root / "datasets" / str(dataset_id) / "files" / name

    def locate_incoming(self, dataset_id: UUID, name: str) -> Path:
        """Return the path of an incomplete body, on the same volume as its final path."""
        return self.root / "datasets" / str(dataset_id) / "incoming" / name

    def locate_pack(self, dataset_id: UUID) -> Path:
        """Return the folder of a dataset's pack."""
        return self.root / "datasets" / str(dataset_id) / "pack"

    def locate_features(self, dataset_id: UUID) -> Path:
        """Return the folder of a dataset's features."""
        return self.root / "datasets" / str(dataset_id) / "features"

    def locate_feature_set(self, dataset_id: UUID, set_id: UUID) -> Path:
        """Return the folder of what was derived from one set of features."""
        return self.locate_features(dataset_id) / str(set_id)

    def locate_probabilities(self, dataset_id: UUID) -> Path:
        """Return the path of attached probabilities."""
        return self.root / "datasets" / str(dataset_id) / "probabilities" / "probabilities.npy"

    def locate_annotations(self, dataset_id: UUID, name: str) -> Path:
        """Return the path of a file of annotators' labels, or of what was found out by them."""
        return self.root / "datasets" / str(dataset_id) / "annotations" / name

    def locate_dataset(self, dataset_id: UUID) -> Path:
        """Return the folder of all files of a dataset."""
        return self.root / "datasets" / str(dataset_id)

    def locate_audit(self, audit_id: UUID) -> Path:
        """Return the folder of an audit's results."""
        return self.root / "audits" / str(audit_id)

    def locate_run(self, audit_id: UUID, number: int) -> Path:
        """Return the folder of a run's checkpoint, network and signals."""
        return self.locate_audit(audit_id) / "runs" / str(number)

    def publish(self, path: Path) -> None:
        """Publish a finished file; with a bucket, upload it and delete the local file."""
        if self._bucket is not None:
            self._bucket.put(self._make_key(path), path)
            path.unlink()

    def move(self, finished: Path, target: Path) -> None:
        """Publish a file of the workspace under another name; on an error the file stays where it is."""
        if self._bucket is not None:
            self._bucket.put(self._make_key(target), finished)
            finished.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        finished.replace(target)

    def copy(self, path: Path, target: Path) -> None:
        """Publish a published file under another name as well; on disk both share their bytes.

        Raises:
            FileNotFoundError: the file was not published.

        """
        if self._bucket is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
            return
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            self._bucket.put(self._make_key(target), self.fetch(path, Path(folder)))

    def fetch(self, path: Path, folder: Path) -> Path:
        """Return a local path of a published file; with a bucket, a copy in `folder`.

        Raises:
            FileNotFoundError: the file was not published.

        """
        if self._bucket is None:
            path.stat()
            return path
        self._bucket.get(self._make_key(path), folder / path.name)
        return folder / path.name

    def open(self, path: Path) -> BinaryIO:
        """Open a published file; with a bucket, a private copy that is deleted when it is closed.

        Raises:
            FileNotFoundError: the file was not published.

        """
        if self._bucket is None:
            return path.open("rb")
        self.root.mkdir(parents=True, exist_ok=True)
        copy = tempfile.TemporaryFile(dir=self.root)  # noqa: SIM115 - the caller closes it
        try:
            for block in self._bucket.stream(self._make_key(path)):
                copy.write(block)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def fetch_pack_file(self, dataset: Dataset, name: str) -> Path:
        """Return a local path of a file of a ready dataset's pack.

        The array is cached by its content: datasets that differ only in their labels share it.
        """
        content = dataset.pack_sha256 if name == PACK else None
        return self.fetch_cached(self.locate_pack(dataset.id) / name, name=content or f"{dataset.id}.{name}")

    def fetch_cached(self, path: Path, *, name: str) -> Path:
        """Return a local path of a published file, to be opened at once; a file of a bucket is cached.

        Args:
            path: of a file that never changes.
            name: the cache key; the same only for the same content.

        Raises:
            FileNotFoundError: the file was not published; without a bucket, opening the path raises it.

        """
        if self._bucket is None:
            return path
        cached = self.root / "cache" / name
        with self._lock(
            f"{zlib.crc32(name.encode()) % LOCKS}"
        ):  # a second caller waits, then finds the cached file
            if not self._touch_cached(cached):
                self._make_room(self._bucket.measure_size(self._make_key(path)))
                self._bucket.get(self._make_key(path), cached)
        return cached

    def _touch_cached(self, file: Path) -> bool:
        """Record the use of a cached file; return False if it is not in the cache."""
        with self._lock("room"):
            try:
                os.utime(file)
            except FileNotFoundError:
                return False
            return True

    def _make_room(self, needed: int) -> None:
        """Delete the least recently used files until `needed` bytes fit; open files stay readable."""
        with self._lock("room"):
            files = [(status.st_mtime, status.st_size, file) for file, status in self.find("cache/*")]
            taken = sum(size for _, size, _ in files)
            for used_at, size, file in sorted(files):
                if taken + needed <= self._cache_bytes or used_at > time.time() - SPARED_SECONDS:
                    return
                file.unlink(missing_ok=True)
                taken -= size

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Hold a lock across all processes and threads of this host."""
        lock = self.root / "locks" / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def find(self, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield the files of the workspace that match a pattern; files deleted meanwhile are skipped."""
        names = glob.iglob(pattern, root_dir=self.root, include_hidden=True)  # noqa: PTH207 - `Path.glob` raises
        for path in (self.root / name for name in names):  # if a folder is deleted before it is read
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            yield path, status

    def exists(self, path: Path) -> bool:
        """Return whether a file is published."""
        return path.exists() if self._bucket is None else self._bucket.exists(self._make_key(path))

    def measure_size(self, path: Path) -> int:
        """Return a published file's length in bytes."""
        return (
            path.stat().st_size if self._bucket is None else self._bucket.measure_size(self._make_key(path))
        )

    def read(self, path: Path, *, start: int, length: int) -> bytes:
        """Return a range of a published file, shorter at its end, without fetching the rest."""
        if self._bucket is not None:
            return self._bucket.read(self._make_key(path), start=start, length=length)
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def make_reader(self, path: Path) -> Callable[[int, int], bytes]:
        """Return a function that reads a range (start, length) of a published file."""
        return lambda start, length: self.read(path, start=start, length=length)

    def stream(self, path: Path, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield a published file's bytes from `start` up to `stop`, in blocks."""
        if self._bucket is not None:
            yield from self._bucket.stream(self._make_key(path), start=start, stop=stop)
            return
        with path.open("rb") as file:
            file.seek(start)
            left = path.stat().st_size - start if stop is None else stop - start
            while left > 0 and (block := file.read(min(BLOCK_BYTES, left))):
                left -= len(block)
                yield block

    @property
    def is_local(self) -> bool:
        """Whether published files are in the folder itself."""
        return self._bucket is None

    def measure_free_bytes(self) -> int:
        """Return the free space of the folder's volume in bytes."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def check(self) -> None:
        """Raise unless the folder and the bucket, if any, can be used."""
        self.measure_free_bytes()
        if self._bucket is not None:
            self._bucket.check()

    def remove(self, path: Path) -> None:
        """Delete a file or a folder with its content, also from the bucket; a missing one is no error."""
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if self._bucket is not None:
            self._bucket.remove(self._make_key(path))

    def _make_key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def open_storage(settings: Settings) -> Storage:
    """Return the storage of these settings."""
    bucket = None
    if settings.storage_url:  # an empty variable counts as unset
        bucket = Bucket(
            settings.storage_url,
            endpoint=settings.storage_endpoint or None,
            region=settings.storage_region or None,
            key_id=settings.storage_key_id,
            secret=settings.storage_secret,
        )
    return Storage(settings.storage_dir, bucket, cache_bytes=settings.storage_cache_bytes)


@lru_cache(maxsize=1)
def get_storage() -> Storage:
    """Return this process's storage."""
    return open_storage(get_settings())
