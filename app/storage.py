"""Files by path, in a local folder or in a bucket.

Every file has its place below one folder. Without a bucket that is where it stays. With one, the bucket keeps
the files under the same relative names, and the folder is a workspace with a cache: a file is written there,
then published; it is fetched before it is read.
"""

import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from app.bucket import Bucket
from app.settings import Settings, settings
from app.tables import Dataset

BLOCK_BYTES = 2**20
PACK = "pack.npy"


class Storage:
    """The folder that holds uploads, packs and results, and the bucket behind it if there is one."""

    def __init__(self, root: Path, bucket: Bucket | None = None, *, cache_bytes: int = 0) -> None:
        self.root = root
        self._bucket = bucket
        self._cache_bytes = cache_bytes

    def upload(self, dataset_id: UUID, name: str) -> Path:
        """Return where an uploaded file lies."""
        return self.root / "datasets" / str(dataset_id) / "files" / name

    def incoming(self, dataset_id: UUID, name: str) -> Path:
        """Return where a body is written until it is complete: the same volume as its final place."""
        return self.root / "datasets" / str(dataset_id) / "incoming" / name

    def pack(self, dataset_id: UUID) -> Path:
        """Return the folder of a dataset's pack."""
        return self.root / "datasets" / str(dataset_id) / "pack"

    def probabilities(self, dataset_id: UUID) -> Path:
        """Return where attached probabilities lie."""
        return self.root / "datasets" / str(dataset_id) / "probabilities" / "probabilities.npy"

    def dataset(self, dataset_id: UUID) -> Path:
        """Return the folder of everything that belongs to a dataset."""
        return self.root / "datasets" / str(dataset_id)

    def audit(self, audit_id: UUID) -> Path:
        """Return the folder of an audit's results."""
        return self.root / "audits" / str(audit_id)

    def run(self, audit_id: UUID, number: int) -> Path:
        """Return the folder of a run's checkpoint, network and signals."""
        return self.audit(audit_id) / "runs" / str(number)

    def publish(self, path: Path, *, keep: bool = False) -> None:
        """Hand over a finished file; with a bucket it is sent there, and the workspace lets go of it."""
        if self._bucket is not None:
            self._bucket.put(self._key(path), path)
            if not keep:
                path.unlink()

    def move(self, finished: Path, target: Path) -> None:
        """Publish a file of the workspace under another name; where that fails, it stays as it was."""
        if self._bucket is not None:
            self._bucket.put(self._key(target), finished)
            finished.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        finished.replace(target)

    def fetch(self, path: Path) -> Path:
        """Return the path once the file lies there as it was last published.

        Raises:
            FileNotFoundError: it was never published.

        """
        if self._bucket is not None:
            self._bucket.get(self._key(path), path)
        elif not path.exists():
            raise FileNotFoundError(path)
        return path

    def release(self, folder: Path) -> None:
        """Delete the workspace's copies of a folder; without a bucket these are the files, and they stay."""
        if self._bucket is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def pack_file(self, dataset: Dataset, name: str) -> Path:
        """Return a file of a ready dataset's pack on this host; with a bucket it is fetched once and cached.

        The array is cached by its content: datasets that differ in their labels alone share it.
        """
        path = self.pack(dataset.id) / name
        if self._bucket is None:
            return path
        cached = self.root / "cache" / (dataset.pack_sha256 or "" if name == PACK else f"{dataset.id}.{name}")
        if not cached.exists():
            self._make_room(self._bucket.size(self._key(path)))
            self._bucket.get(self._key(path), cached)
        cached.touch()  # the newest is evicted last
        return cached

    def _make_room(self, wanted: int) -> None:
        """Delete what was used longest ago until the cache can take more; open files live on."""
        files = [(file.stat(), file) for file in self.root.glob("cache/*")]
        taken = sum(stat.st_size for stat, _ in files)
        for stat, file in sorted(files, key=lambda found: found[0].st_mtime):
            if taken + wanted <= self._cache_bytes:
                return
            file.unlink(missing_ok=True)
            taken -= stat.st_size

    def exists(self, path: Path) -> bool:
        """Return whether a file was published."""
        return path.exists() if self._bucket is None else self._bucket.exists(self._key(path))

    def size(self, path: Path) -> int:
        """Return a published file's length in bytes."""
        return path.stat().st_size if self._bucket is None else self._bucket.size(self._key(path))

    def read(self, path: Path, *, start: int, length: int) -> bytes:
        """Return a range of a published file without fetching the rest; shorter where the file ends."""
        if self._bucket is not None:
            return self._bucket.read(self._key(path), start=start, length=length)
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def reader(self, path: Path) -> Callable[[int, int], bytes]:
        """Return the function that reads (start, length) of a published file."""
        return lambda start, length: self.read(path, start=start, length=length)

    def stream(self, path: Path, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield a published file's bytes from `start` up to `stop`, without holding them all."""
        if self._bucket is not None:
            yield from self._bucket.stream(self._key(path), start=start, stop=stop)
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

    def free_bytes(self) -> int:
        """Return the space left on the folder's volume."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def check(self) -> None:
        """Raise unless the folder, and the bucket if there is one, can be used."""
        self.free_bytes()
        if self._bucket is not None:
            self._bucket.check()

    def remove(self, path: Path) -> None:
        """Delete a file, or a folder and all it holds, wherever published; one that is gone is fine."""
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if self._bucket is not None:
            self._bucket.remove(self._key(path))

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def opened(chosen: Settings) -> Storage:
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
def storage() -> Storage:
    """Return this process's storage."""
    return opened(settings())
