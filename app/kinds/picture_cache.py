"""Converted pictures on this host's disk, named by their content and bounded in size.

They lie below their dataset's folder and are deleted with it.
"""

import contextlib
import os
import tempfile
import threading
from hashlib import sha256
from pathlib import Path

import structlog

from app.infra.storage import SHOWN, Storage
from app.kinds.sample_display import Picture

log = structlog.get_logger()
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}
SWEEPS = 16
"""The cache is swept whenever this part of its limit was written; it exceeds the limit by no more."""
KEPT = 0.9
"""Share of the limit that is kept in a sweep, so that the next one is not due at once."""
_written = 0
_is_swept = False
_lock = threading.Lock()


def name_content(*facts: object) -> str:
    """Return the name of a picture that depends on nothing but these facts."""
    return sha256("\0".join(map(str, facts)).encode()).hexdigest()


def find_picture(folder: Path, name: str) -> Picture | None:
    """Return a cached picture and note its use; None if it is not there."""
    for media_type, suffix in SUFFIXES.items():
        file = folder / SHOWN / (name + suffix)
        with contextlib.suppress(OSError):
            content = file.read_bytes()
            os.utime(file)
            return Picture(content=content, media_type=media_type)
    return None


def store_picture(files: Storage, folder: Path, name: str, picture: Picture, *, max_bytes: int) -> None:
    """Cache a picture, and delete the least recently used ones where there are too many.

    A full disk is no error: the picture is made again the next time.
    """
    try:
        place = folder / SHOWN
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place, prefix=".", suffix=".partial", delete=False) as file:
            file.write(picture.content)
        Path(file.name).replace(place / (name + SUFFIXES[picture.media_type]))
    except OSError as error:
        log.warning("a picture could not be cached", error=str(error))
        return
    if _is_sweep_due(len(picture.content), max_bytes):
        sweep(files, max_bytes=max_bytes)


def sweep(files: Storage, *, max_bytes: int) -> None:
    """Delete the least recently used pictures of all datasets until they fit."""
    found = [(status.st_mtime, status.st_size, file) for file, status in files.find(f"datasets/*/{SHOWN}/*")]
    taken = sum(size for _, size, _ in found)
    if taken <= max_bytes:
        return
    for _, size, file in sorted(found):
        if taken <= KEPT * max_bytes:
            return
        file.unlink(missing_ok=True)
        taken -= size


def _is_sweep_due(written: int, max_bytes: int) -> bool:
    """Return True at a process's first picture, and after each part of the limit."""
    global _written, _is_swept  # noqa: PLW0603 - one count for the process, under the lock
    with _lock:
        _written += written
        is_due = not _is_swept or _written * SWEEPS > max_bytes
        if is_due:
            _written, _is_swept = 0, True
        return is_due
