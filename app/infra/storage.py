"""Files by path, in a local folder or in a bucket.

Every file has its place below one folder. Without a bucket that is where it stays. With one, the bucket keeps
the files under the same relative names, and the folder is a workspace with a cache: a file is written there,
then published; it is read in ranges, from a copy of the reader's own, or from the cache.
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
LOCKS = 64
SPARED_SECONDS = 60
"""A cached file that somebody was told of so lately is not evicted: they are about to open it."""


class Storage:
    """The folder that holds uploads, packs and results, and the bucket behind it if there is one."""

    def __init__(self, root: Path, bucket: Bucket | None = None, *, cache_bytes: int = 0) -> None:
        self.root = root
        self._bucket = bucket
        self._cache_bytes = cache_bytes

    def locate_upload(self, dataset_id: UUID, name: str) -> Path:
        """Return where an uploaded file lies."""
        return self.root / "datasets" / str(dataset_id) / "files" / name

    def locate_incoming(self, dataset_id: UUID, name: str) -> Path:
        """Return where a body is written until it is complete: the same volume as its final place."""
        return self.root / "datasets" / str(dataset_id) / "incoming" / name

    def locate_pack(self, dataset_id: UUID) -> Path:
        """Return the folder of a dataset's pack."""
        return self.root / "datasets" / str(dataset_id) / "pack"

    def locate_probabilities(self, dataset_id: UUID) -> Path:
        """Return where attached probabilities lie."""
        return self.root / "datasets" / str(dataset_id) / "probabilities" / "probabilities.npy"

    def locate_dataset(self, dataset_id: UUID) -> Path:
        """Return the folder of everything that belongs to a dataset."""
        return self.root / "datasets" / str(dataset_id)

    def locate_audit(self, audit_id: UUID) -> Path:
        """Return the folder of an audit's results."""
        return self.root / "audits" / str(audit_id)

    def locate_run(self, audit_id: UUID, number: int) -> Path:
        """Return the folder of a run's checkpoint, network and signals."""
        return self.locate_audit(audit_id) / "runs" / str(number)

    def publish(self, path: Path) -> None:
        """Hand over a finished file; with a bucket it is sent there, and the workspace lets go of it."""
        if self._bucket is not None:
            self._bucket.put(self._make_key(path), path)
            path.unlink()

    def move(self, finished: Path, target: Path) -> None:
        """Publish a file of the workspace under another name; where that fails, it stays as it was."""
        if self._bucket is not None:
            self._bucket.put(self._make_key(target), finished)
            finished.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        finished.replace(target)

    def fetch(self, path: Path, folder: Path) -> Path:
        """Return where a published file can be read on this host: with a bucket, a copy in a folder.

        Raises:
            FileNotFoundError: it was never published.

        """
        if self._bucket is None:
            path.stat()
            return path
        self._bucket.get(self._make_key(path), folder / path.name)
        return folder / path.name

    def open(self, path: Path) -> BinaryIO:
        """Open a published file; with a bucket a copy that nobody else sees and that ends with this process.

        Raises:
            FileNotFoundError: it was never published.

        """
        if self._bucket is None:
            return path.open("rb")
        self.root.mkdir(parents=True, exist_ok=True)
        copy = tempfile.TemporaryFile(dir=self.root)  # noqa: SIM115 - it is the caller's to close
        try:
            for block in self._bucket.stream(self._make_key(path)):
                copy.write(block)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def fetch_pack_file(self, dataset: Dataset, name: str) -> Path:
        """Return a file of a ready dataset's pack on this host.

        The array is cached by its content: datasets that differ in their labels alone share it.
        """
        content = dataset.pack_sha256 if name == PACK else None
        return self.fetch_cached(self.locate_pack(dataset.id) / name, name=content or f"{dataset.id}.{name}")

    def fetch_cached(self, path: Path, *, name: str) -> Path:
        """Return a published file on this host, to be opened now; a bucket's is fetched once and cached.

        Args:
            path: of a file that never changes.
            name: in the cache, the same for the same content alone.

        Raises:
            FileNotFoundError: it was never published; without a bucket, opening it does.

        """
        if self._bucket is None:
            return path
        kept = self.root / "cache" / name
        with self._lock(f"{zlib.crc32(name.encode()) % LOCKS}"):  # who comes second waits, and finds it
            if not self._is_kept(kept):
                self._make_room(self._bucket.measure_size(self._make_key(path)))
                self._bucket.get(self._make_key(path), kept)
        return kept

    def _is_kept(self, file: Path) -> bool:
        """Return whether a file is in the cache, noting its use."""
        with self._lock("room"):
            try:
                os.utime(file)
            except FileNotFoundError:
                return False
            return True

    def _make_room(self, wanted: int) -> None:
        """Delete what was used longest ago until the cache can take more; open files live on."""
        with self._lock("room"):
            files = [(found.st_mtime, found.st_size, file) for file, found in self.find("cache/*")]
            taken = sum(size for _, size, _ in files)
            for used_at, size, file in sorted(files):
                if taken + wanted <= self._cache_bytes or used_at > time.time() - SPARED_SECONDS:
                    return
                file.unlink(missing_ok=True)
                taken -= size

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Keep every other process and thread of this host out."""
        lock = self.root / "locks" / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def find(self, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield the files of the workspace that match a pattern, without those that vanish meanwhile."""
        names = glob.iglob(pattern, root_dir=self.root, include_hidden=True)  # noqa: PTH207 - `Path.glob` fails
        for path in (self.root / name for name in names):  # where a folder is deleted before it is read
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            yield path, found

    def exists(self, path: Path) -> bool:
        """Return whether a file was published."""
        return path.exists() if self._bucket is None else self._bucket.exists(self._make_key(path))

    def measure_size(self, path: Path) -> int:
        """Return a published file's length in bytes."""
        return (
            path.stat().st_size if self._bucket is None else self._bucket.measure_size(self._make_key(path))
        )

    def read(self, path: Path, *, start: int, length: int) -> bytes:
        """Return a range of a published file without fetching the rest; shorter where the file ends."""
        if self._bucket is not None:
            return self._bucket.read(self._make_key(path), start=start, length=length)
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def make_reader(self, path: Path) -> Callable[[int, int], bytes]:
        """Return the function that reads (start, length) of a published file."""
        return lambda start, length: self.read(path, start=start, length=length)

    def stream(self, path: Path, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield a published file's bytes from `start` up to `stop`, without holding them all."""
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
        """Whether published files lie in the folder itself."""
        return self._bucket is None

    def measure_free_bytes(self) -> int:
        """Return the space left on the folder's volume."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def check(self) -> None:
        """Raise unless the folder, and the bucket if there is one, can be used."""
        self.measure_free_bytes()
        if self._bucket is not None:
            self._bucket.check()

    def remove(self, path: Path) -> None:
        """Delete a file, or a folder and all it holds, wherever published; one that is gone is fine."""
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if self._bucket is not None:
            self._bucket.remove(self._make_key(path))

    def _make_key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def open_storage(chosen: Settings) -> Storage:
    """Return the storage that settings name."""
    bucket = None
    if chosen.storage_url:  # a variable that is set but empty is as good as none
        bucket = Bucket(
            chosen.storage_url,
            endpoint=chosen.storage_endpoint or None,
            region=chosen.storage_region or None,
            key_id=chosen.storage_key_id,
            secret=chosen.storage_secret,
        )
    return Storage(chosen.storage_dir, bucket, cache_bytes=chosen.storage_cache_bytes)


@lru_cache(maxsize=1)
def get_storage() -> Storage:
    """Return this process's storage."""
    return open_storage(get_settings())
