"""PostgreSQL of the embedded service: our own start of the wheel's programs.

It listens on a socket alone, in a folder that no other user can enter.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from app.embedded import leftovers, server_account
from app.embedded.child_processes import read_end, start_process, stop_group
from app.embedded.data_folder import DATABASE, StartError, make_socket_folder
from app.embedded.server_account import ServerAccount

SUPERUSER = "postgres"
NEW = "postgres.new"
UNFINISHED = "postgres.unfinished"
OWN_DATABASE = Path("base/5")
"""The database `postgres`, which initdb makes last and which holds all tables; its number is fixed."""
START_SECONDS = 600
"""A patient limit: after a crash PostgreSQL first repeats its log; a process that ends is noticed at once."""
STOP_SECONDS = 60
LOOK_SECONDS = 0.05
# The same order and case rules on every machine, and no dependence on which locales it has.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True, kw_only=True)
class PostgresProgram:
    """How the PostgreSQL of a data folder is started and reached."""

    command: list[str]
    options: dict[str, Any]
    """Arguments of `Popen`."""
    database: Path
    sockets: Path
    folders: tuple[Path, ...]
    """Temporary folders, to be removed after the stop."""

    @property
    def url(self) -> str:
        """Return the SQLAlchemy URL."""
        host = {"host": str(self.sockets)}
        url = URL.create("postgresql+psycopg", username=SUPERUSER, database=SUPERUSER, query=host)
        return url.render_as_string(hide_password=False)

    def is_ready(self) -> bool:
        """Return whether it takes connections."""
        try:
            psycopg.connect(host=str(self.sockets), user=SUPERUSER, dbname=SUPERUSER).close()
        except psycopg.OperationalError:
            return False
        return True


def prepare(data_dir: Path) -> PostgresProgram:
    """Make the database of a data folder if there is none, and return how to start it.

    The folder's lock must be held.

    Raises:
        StartError: initdb failed; the folder is of another version; leftovers could not be stopped.

    """
    database = data_dir / DATABASE
    account = server_account.choose_account(database)
    programs, folders = _find_readable_programs(account)
    try:
        leftovers.stop_postgres(database)
        _make_database(data_dir, programs, account)
        sockets = make_socket_folder("db", can_use=partial(server_account.can_enter, account))
        folders = (*folders, sockets)
        server_account.give(sockets, account)
    except BaseException:
        remove(folders)
        raise
    command = [
        str(programs / "bin/postgres"), "-D", server_account.name_folder(account, database),
        "-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}",
        "-c", "unix_socket_permissions=0700",
    ]  # fmt: skip
    options = server_account.build_options(account, database)
    return PostgresProgram(
        command=command, options=options, database=database, sockets=sockets, folders=folders
    )


def _find_readable_programs(account: ServerAccount | None) -> tuple[Path, tuple[Path, ...]]:
    programs = server_account.find_programs()
    if server_account.can_enter(account, programs / "bin"):
        return programs, ()
    copy = server_account.copy_programs(programs, account)
    return copy / programs.parent.name / programs.name, (copy,)


def remove(folders: tuple[Path, ...]) -> None:
    """Remove temporary folders."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _make_database(data_dir: Path, programs: Path, account: ServerAccount | None) -> None:
    database = data_dir / DATABASE
    shutil.rmtree(data_dir / NEW, ignore_errors=True)  # of a start that was killed
    if database.exists() and not (database / OWN_DATABASE).exists():
        # An earlier version was stopped while it made the folder, so there are no tables in it.
        database.rename(data_dir / f"{UNFINISHED}-{time.time_ns()}")
    if database.exists():
        _check_version(database)
        _give_back(database, account)
        return
    new = data_dir / NEW
    new.mkdir(mode=0o700)
    try:
        _run_initdb(new, programs, account, log=data_dir / "logs" / "initdb.log")
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    new.rename(database)


def _run_initdb(folder: Path, programs: Path, account: ServerAccount | None, *, log: Path) -> None:
    server_account.give(folder, account)
    place = server_account.name_folder(account, folder)
    command = [str(programs / "bin/initdb"), "-D", place, "-U", SUPERUSER, "--auth=trust", *LOCALE]
    options = server_account.build_options(account, folder)
    process = start_process(command, log=log, death_signal=signal.SIGKILL, options=options)
    try:
        code = process.wait(START_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise StartError(f"initdb did not end within {START_SECONDS} seconds; its log is {log}") from error
    finally:
        stop_group(process)
    if code != 0:
        raise StartError(f"initdb failed:\n{read_end(log)}")


def _check_version(database: Path) -> None:
    found = (database / "PG_VERSION").read_text(encoding="utf-8").strip()
    if found != str(server_account.VERSION):
        raise StartError(
            f"expected a database of PostgreSQL {server_account.VERSION} in {database}; found one of version"
            f" {found}: back it up with the limit-audit that made it, and restore the backup with this one"
        )


def _give_back(database: Path, account: ServerAccount | None) -> None:
    """Give the account a folder that was copied or restored by root."""
    if account is not None and (database / "PG_VERSION").stat().st_uid == 0:
        server_account.give(database, account)


@contextmanager
def run_postgres(data_dir: Path) -> Iterator[str]:
    """Yield the URL of a folder's PostgreSQL, which is started before and stopped after.

    The folder's lock must be held.

    Raises:
        StartError: it did not start.

    """
    (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    program, log = prepare(data_dir), data_dir / "logs" / "postgres.log"
    try:
        process = start_process(program.command, log=log, death_signal=signal.SIGINT, options=program.options)
        try:
            _wait_until_ready(program, process, log)
            yield program.url
        finally:
            process.send_signal(signal.SIGINT)
            stop_group(process, seconds=STOP_SECONDS)
    finally:
        remove(program.folders)


def _wait_until_ready(program: PostgresProgram, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not program.is_ready():
        if process.poll() is not None:
            raise StartError(f"PostgreSQL did not start:\n{read_end(log)}")
        if time.monotonic() > deadline:
            raise StartError(f"PostgreSQL: no answer within {START_SECONDS} seconds; its log is {log}")
        time.sleep(LOOK_SECONDS)
