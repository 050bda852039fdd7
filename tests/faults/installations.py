"""An installation of its own for each case: `limit-audit up` as a process, and what it leaves."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from app.embedded import leftovers
from app.embedded.data_folder import ServiceNote
from app.embedded.process_identity import find_marked, find_postgres
from tests import patience

START_SECONDS = patience.scale(120)
END_SECONDS = patience.scale(60)
ROOT = Path(__file__).parents[2]


@dataclass
class Installation:
    """A data folder, and the process that runs its service."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: list[str] = field(default_factory=list)
    """The words before the command that make another user of it."""
    process: subprocess.Popen[str] | None = None
    tokens: set[str] = field(default_factory=set)
    code: Path = ROOT
    """Of the version that is started."""

    @property
    def data_dir(self) -> Path:
        """Return the data folder."""
        return self.folder / "data"

    @property
    def output(self) -> str:
        """Return what `up` has printed so far."""
        return (self.folder / "up.log").read_text(encoding="utf-8", errors="replace")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `up` and return at once."""
        command = [sys.executable, "-m", "app.cli.root", "up", "--data-dir", str(self.data_dir)]
        command = [*self.user, *command, *(arguments or ("--port", "0"))]
        environment = {**os.environ, "PYTHONPATH": str(self.code), **self.environment}
        with (self.folder / "up.log").open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
                cwd=self.code,
            )
        return self.process

    def until_ready(self) -> str:
        """Wait until the service answers, and return its address."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.note_token()
            assert self.process is not None
            assert self.process.poll() is None, f"up ended: {self.output[-1000:]}"
            if found := re.search(r"^page +(\S+)$", self.output, re.MULTILINE):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(f"up was not ready in time: {self.output[-1000:]}")

    def note_token(self) -> None:
        """Remember whom the processes belong to, also when the note is gone."""
        if (note := ServiceNote.read(self.data_dir)) is not None:
            self.tokens.add(note.token)

    def end(self, number: signal.Signals) -> int:
        """Send a signal to `up` alone and return its exit code."""
        assert self.process is not None
        self.note_token()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        return self.process.wait(END_SECONDS)

    def find_left(self) -> list[str]:
        """Return what is left of the service: processes, temporary folders, its note."""
        processes = self.find_processes()
        folders = Path(tempfile.gettempdir()).glob("limit-audit-[dbp]*-*")
        mine = [folder for folder in folders if folder.name.split("-")[2] in {"db", "broker", "programs"}]
        note = [self.data_dir / "service.json"] if (self.data_dir / "service.json").exists() else []
        return [str(left) for left in (*processes, *(set(mine) - OTHERS), *note)]

    def find_processes(self) -> list[psutil.Process]:
        """Return the processes of the service, and `up` itself while it runs."""
        own = [] if self.process is None or self.process.poll() is not None else [self.process.pid]
        marked = [process for token in self.tokens for process in find_marked(f"{leftovers.MARK}={token}")]
        started = [psutil.Process(pid) for pid in own]
        keepers = [child for process in started for child in process.children(recursive=True)]
        return list({*marked, *find_postgres(self.data_dir / "postgres"), *started, *keepers})

    def check_nothing_left(self) -> None:
        """Wait until nothing is left."""
        deadline = time.monotonic() + END_SECONDS
        while left := self.find_left():
            assert time.monotonic() < deadline, f"left: {left}"
            time.sleep(0.1)

    def make_dataset(self, url: str, name: str) -> None:
        """Store something."""
        answer = httpx.post(f"{url}/v1/datasets", json={"name": name}, trust_env=False, timeout=END_SECONDS)
        assert answer.status_code == 201, answer.text

    def list_datasets(self, url: str) -> set[str]:
        """Return the names of what is stored."""
        answer = httpx.get(f"{url}/v1/datasets", params={"limit": 100}, trust_env=False, timeout=END_SECONDS)
        return {str(item["name"]) for item in answer.raise_for_status().json()["items"]}

    def check_starts(self, *, stored: set[str] | None = None) -> None:
        """Check that the folder starts, has what was stored, and stops without a trace."""
        self.start()
        url = self.until_ready()
        assert (stored or set()) <= self.list_datasets(url), "what was acknowledged is lost"
        assert self.end(signal.SIGTERM) == 0, self.output[-1000:]
        self.check_nothing_left()


OTHERS: set[Path] = set()
"""Temporary folders of services that were running before the case."""


@contextlib.contextmanager
def installed(name: str = "case") -> Iterator[Installation]:
    """Yield a new installation, which is stopped and removed afterwards."""
    temporary = Path(tempfile.gettempdir())
    OTHERS.clear()
    OTHERS.update(temporary.glob("limit-audit-[dbp]*-*"))
    with tempfile.TemporaryDirectory(prefix=f"limit-audit-{name}-", ignore_cleanup_errors=True) as folder:
        made = Installation(folder=Path(folder))
        try:
            yield made
        finally:
            if made.process is not None and made.process.poll() is None:
                made.end(signal.SIGTERM)
            made.note_token()
            for token in made.tokens:
                for process in find_marked(f"{leftovers.MARK}={token}"):
                    with contextlib.suppress(psutil.Error):
                        process.kill()
