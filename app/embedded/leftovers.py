"""What a service that was killed has left: its processes, its temporary folders, its note."""

import shutil
import signal
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from app.embedded.data_folder import PREFIX, ServiceNote, StartError, find_marked_folders
from app.embedded.process_identity import find_marked, find_postgres, stop_all
from app.embedded.running_services import NOTE

MARK = "LIMIT_AUDIT_INSTANCE_TOKEN"
"""The variable of a setting. Every part has its service's token in its environment, and nothing else has."""
STOP_SECONDS = 20.0
KILL_SECONDS = 10.0
FAST_SECONDS = 60.0
"""For PostgreSQL to write its last checkpoint."""


def reap_service(data_dir: Path) -> bool:
    """Stop and remove what the service of a folder's note has left; the folder's lock must be held.

    Returns whether there was anything.
    """
    note = ServiceNote.read(data_dir)
    (data_dir / NOTE).unlink(missing_ok=True)
    if note is None:  # none was left, or a loss of power has cut it off
        _remove(find_marked_folders(data_dir))
        return False
    find = partial(find_marked, f"{MARK}={note.token}")
    signals = {signal.SIGTERM: STOP_SECONDS, signal.SIGKILL: KILL_SECONDS}
    found = bool(find())
    stop_all(lambda: [process for process in find() if process.name() != "postgres"], signals=signals)
    _remove(folder for folder in map(Path, note.folders) if folder.name.startswith(PREFIX))
    _remove(find_marked_folders(data_dir))
    return found


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def stop_postgres(database: Path) -> None:
    """Stop the PostgreSQL of a dead owner, and remove its lock file; the data folder's lock must be held.

    PostgreSQL refuses to start where the number in `postmaster.pid` is that of any living process, and where
    the file is empty. Who the processes are is asked of the processes, never of this file: only a `postgres`
    that works in this folder is stopped.

    Raises:
        StartError: it could not be stopped.

    """
    signals = {signal.SIGINT: FAST_SECONDS, signal.SIGQUIT: KILL_SECONDS, signal.SIGKILL: KILL_SECONDS}
    left = stop_all(partial(find_postgres, database), signals=signals)
    if left:
        raise StartError(f"PostgreSQL of {database} could not be stopped: processes {[p.pid for p in left]}")
    (database / "postmaster.pid").unlink(missing_ok=True)
