"""A folder of the server. Links are not followed, so that nothing outside the folder is read."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from app.places.place_types import LINK, PlacedContent, PlacedFile, UnusablePlace, make_gone, make_long
from models.reading.archive_names import is_litter

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A link is refused; a pipe does not block."""
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class FolderPlace:
    """See `Place`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_files(self) -> Iterator[PlacedFile]:
        """Yield all ordinary files in the order of their names, none of operating systems; then links."""
        if not self._folder.is_dir():
            raise UnusablePlace(f"expected a folder of the server; there is none at {str(self._folder)!r}")
        links: list[PlacedFile] = []
        yield from self._list_folder("", links)
        yield from links

    def _list_folder(self, below: str, links: list[PlacedFile]) -> Iterator[PlacedFile]:
        try:
            entries = sorted(os.scandir(self._folder / below), key=lambda entry: entry.name)
        except OSError as error:
            raise UnusablePlace(
                f"the folder {below or str(self._folder)!r} cannot be read: {error}"
            ) from None
        for entry in entries:
            name = below + entry.name
            if is_litter(name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._list_folder(f"{name}/", links)
            elif entry.is_symlink():
                links.append(PlacedFile(name=_check_name(name), location=name, tag=LINK))
            elif entry.is_file(follow_symlinks=False):
                yield _describe(_check_name(name), entry.stat(follow_symlinks=False))

    def inspect(self, file: PlacedFile) -> PlacedFile:
        """Return the file with its size and time of change as they are now."""
        descriptor = self._open(file)
        try:
            return _describe(file.name, os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def read(self, file: PlacedFile, *, most: int) -> PlacedContent:
        """Return the content of a file."""
        with open(self._open(file), "rb") as opened:  # noqa: PTH123 - a descriptor
            data = opened.read(most + 1)
            tag = _describe(file.name, os.fstat(opened.fileno())).tag
        if len(data) > most:
            raise make_long(file.name, most)
        return PlacedContent(data=data, tag=tag)

    def _open(self, file: PlacedFile) -> int:
        """Open an ordinary file that lies in the folder itself; OriginalGone if there is none."""
        path = self._folder / file.location
        if Path(os.path.realpath(path)) != Path(os.path.realpath(self._folder), file.location):
            raise make_gone(file.name)
        try:
            descriptor = os.open(path, FLAGS)
        except OSError as error:
            if error.errno in ABSENT:
                raise make_gone(file.name) from None
            raise UnusablePlace(f"{file.name!r} cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise make_gone(file.name)
        return descriptor


def _describe(name: str, status: os.stat_result) -> PlacedFile:
    return PlacedFile(name=name, location=name, size=status.st_size, tag=str(status.st_mtime_ns))


def _check_name(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UnusablePlace(f"expected file names in UTF-8; found {os.fsencode(name)!r}: rename it") from None
    return name
