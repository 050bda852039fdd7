"""One folder below which a run of tests keeps everything, and a watchdog that clears up after the run.

Every process that the run starts inherits TMPDIR, which names the folder; so whatever is left is found by its
environment, also a daemon and what a killed process left. The watchdog waits for the end of the run, however
it ends, then stops these processes and removes the folder. Where the watchdog was killed too, the next run
does the same.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

PREFIX = "limit-audit-tests-"
VARIABLE = "TMPDIR"
OWNERS = "owners.json"
NAMESPACES = "namespaces"
"""A folder of empty files, each named as a network namespace that the run has made."""
LOOK_SECONDS = 0.2
END_VARIABLE = "LIMIT_AUDIT_TEST_END_SECONDS"
END_SECONDS = float(os.environ.get(END_VARIABLE, "3"))
"""For which processes may go on after they were asked to end."""
OWN_HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Processes that end with the one that has started them."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that is told from all others, also from those that get its id later."""

    pid: int
    started: float
    """Seconds since 1970."""

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Return the process with this id."""
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    def is_alive(self) -> bool:
        """Return whether the process has not ended yet."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        return False


def join_or_open() -> Path:
    """Return this run's folder, where all temporary files go from now on; the first process makes it."""
    told = Path(os.environ.get(VARIABLE, ""))
    if told.name.startswith(PREFIX) and told.is_dir():
        tempfile.tempdir = str(told)
        return told
    reap_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o755)  # PostgreSQL of a root user drops to one who must be able to enter
    (folder / NAMESPACES).mkdir()
    owner = Process.of(os.getpid())
    owners = [owner, Process.of(_start_watchdog(folder, owner))]
    (folder / OWNERS).write_text(json.dumps([asdict(owner) for owner in owners]), encoding="utf-8")
    os.environ[VARIABLE] = tempfile.tempdir = str(folder)
    return folder


def is_owner(folder: Path) -> bool:
    """Return whether this process made the folder."""
    return read_owners(folder)[0].pid == os.getpid()


def read_owners(folder: Path) -> list[Process]:
    """Return the processes that a folder stays for: the run's first one, and its watchdog.

    Raises:
        OSError, ValueError: the folder is being made, or removed.

    """
    return [Process(**owner) for owner in json.loads((folder / OWNERS).read_text(encoding="utf-8"))]


def find_left(folder: Path) -> list[psutil.Process]:
    """Return the processes that were started by a folder's run, except those of the run itself."""
    owners = {owner.pid for owner in read_owners(folder)}
    mark = os.fsencode(f"{VARIABLE}={folder}\0")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in owners and mark in _read_environment(process.pid):
                found.append(process)
    return found


def find_lasting(folder: Path, *, seconds: float = END_SECONDS) -> list[str]:
    """Return the commands that a run has started and that have not ended within these seconds."""
    deadline = time.monotonic() + seconds
    while True:
        commands = [" ".join(_read_command(process)) for process in find_left(folder)]
        left = [command for command in commands if not any(helper in command for helper in OWN_HELPERS)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(LOOK_SECONDS)


def reap(folder: Path) -> None:
    """Stop what a run has started and remove its folder."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + END_SECONDS
        while (left := find_left(folder)) and time.monotonic() < deadline:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    # PostgreSQL frees its shared memory if it is asked to end at once, not if it is killed.
                    is_first_postgres = number == signal.SIGTERM and process.name() == "postgres"
                    process.send_signal(signal.SIGQUIT if is_first_postgres else number)
            time.sleep(LOOK_SECONDS)
    for name in [path.name for path in (folder / NAMESPACES).glob("*")]:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)  # noqa: S607
    for mount in psutil.disk_partitions(all=True):
        if Path(mount.mountpoint).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", mount.mountpoint], check=False, capture_output=True)  # noqa: S607
    shutil.rmtree(folder, ignore_errors=True)


def reap_abandoned(parent: Path) -> None:
    """Reap the folders whose runs, and whose watchdogs, were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            if not any(owner.is_alive() for owner in read_owners(folder)):
                reap(folder)


def _start_watchdog(folder: Path, owner: Process) -> int:
    """Start the watchdog, no child of this process, and return its id."""
    command = [sys.executable, __file__, str(folder), json.dumps(asdict(owner))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _detach() -> None:
    """Go on in a process of its own, which no signal to the run's group reaches, and print its id."""
    if pid := os.fork():
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)


def _read_environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def _read_command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def _watch(folder: Path, owner: Process) -> None:
    while owner.is_alive():
        time.sleep(LOOK_SECONDS)
    reap(folder)


@contextlib.contextmanager
def noted_namespace(name: str) -> Iterator[None]:
    """Note a network namespace while it exists, so that it goes with the run's folder."""
    note = Path(tempfile.gettempdir()) / NAMESPACES / name
    note.touch()
    try:
        yield
    finally:
        note.unlink()


if __name__ == "__main__":
    _detach()
    _watch(Path(sys.argv[1]), Process(**json.loads(sys.argv[2])))
