"""The data folder of the embedded service: its lock, and the note of the service that runs in it."""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from app.embedded.process_identity import ProcessIdentity
from app.embedded.running_services import NOTE, PRIVATE

LOCK, DATABASE = "lock", "postgres"
REAP_SECONDS = 40
"""How long a start waits while what a killed service left is stopped; the parts get 20 seconds to end."""
LOOK_SECONDS = 0.1
PREFIX = "limit-audit-"
SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux: `sun_path` has 108 bytes, the last of them a NUL."""
LONGEST_NAME = ".s.PGSQL.5432.lock"
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - folders are made there by mkdtemp
"""Where folders for sockets are made if the usual folder for temporary files has too long a path."""
OF = ".data-folder"
"""File of a temporary folder: the data folder whose service made it."""
MANY = 8
"""Characters that `mkdtemp` adds."""


class StartError(RuntimeError):
    """A part of the service did not start; the message names the part and its log."""


@dataclass(frozen=True, kw_only=True)
class ServiceNote:
    """What others must know of the service that runs in a folder; readable by its user alone."""

    owner: ProcessIdentity
    """The process that started everything."""
    token: str
    url: str
    database_url: str
    folders: tuple[str, ...] = ()
    """Temporary folders, which go with the service."""

    def write(self, data_dir: Path) -> None:
        """Store the note in a data folder, whole or not at all."""
        descriptor, name = tempfile.mkstemp(dir=data_dir, prefix=f".{NOTE}.")  # its mode is 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        Path(name).replace(data_dir / NOTE)

    @classmethod
    def read(cls, data_dir: Path) -> Self | None:
        """Return the note of a data folder; None: there is none, or none that can be read."""
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            found = json.loads((data_dir / NOTE).read_text(encoding="utf-8"))
            return cls(
                owner=ProcessIdentity(**found.pop("owner")), folders=tuple(found.pop("folders")), **found
            )
        return None


def make_data_folder(data_dir: Path) -> None:
    """Make a data folder that only its owner can enter; an existing folder keeps its permissions.

    Raises:
        StartError: it cannot be made or written.

    """
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=PRIVATE, exist_ok=True)
        (data_dir / "logs").mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"{data_dir} cannot be used: {error.strerror} ({error.filename}); --data-dir chooses another"
        ) from error


@contextmanager
def lock_folder(data_dir: Path) -> Iterator[None]:
    """Lock a folder, so that only one service uses it; the lock ends with this process.

    Where the owner is dead, its keeper may still be stopping what it left: this waits for that.

    Raises:
        StartError: another service uses the folder.

    """
    with (data_dir / LOCK).open("a") as lock:
        deadline = time.monotonic() + REAP_SECONDS
        while not _lock(lock):
            note = ServiceNote.read(data_dir)
            if note is None or note.owner.is_alive() or time.monotonic() > deadline:
                raise StartError(f"another service already uses {data_dir}")
            time.sleep(LOOK_SECONDS)
        yield


def _lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_socket_folder(kind: str, *, can_use: Callable[[Path], bool] = lambda _: True) -> Path:
    """Make an empty folder for a socket that only this user can enter, with a path short enough for it.

    `can_use` says whether who will use it can enter the folder above it.

    Raises:
        StartError: no folder for temporary files can be written.

    """
    reasons = []
    for parent in dict.fromkeys((tempfile.gettempdir(), *TEMPORARY)):
        prefix = f"{PREFIX}{kind}-"
        length = len(os.fsencode(f"{parent}/{prefix}/{LONGEST_NAME}")) + MANY
        if length > SOCKET_PATH_BYTES:
            reasons.append(f"{parent} is too long a path for a socket")
            continue
        if not can_use(Path(parent)):
            reasons.append(f"{parent} is closed")
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except OSError as error:
            reasons.append(str(error))
    raise StartError(f"there is no folder for a socket: {'; '.join(reasons)}")


def mark_folder(folder: Path, data_dir: Path) -> None:
    """Write into a temporary folder whose it is, for the case that the note about it is lost."""
    (folder / OF).write_text(str(data_dir.absolute()), encoding="utf-8")


def find_marked_folders(data_dir: Path) -> list[Path]:
    """Return the temporary folders that a service of this data folder has made."""
    found = []
    for parent in dict.fromkeys((tempfile.gettempdir(), *TEMPORARY)):
        for mark in Path(parent).glob(f"{PREFIX}*/{OF}"):
            with suppress(OSError, UnicodeDecodeError):
                if mark.read_text(encoding="utf-8") == str(data_dir.absolute()):
                    found.append(mark.parent)
    return found
