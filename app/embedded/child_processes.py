"""Child processes that end with this one: how they are started, watched, revived and stopped."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.embedded.data_folder import StartError

PR_SET_PDEATHSIG = 1
PRIVATE_MASK = 0o077
GOOD_SECONDS = 60.0
"""A part that ran this long had started well: its earlier deaths are forgotten."""
BACK_OFF_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses before a part is started again, by the deaths in a row. It is never given up."""
LOG_BYTES = 10 * 2**20
"""Above this size a log becomes `NAME.log.1`, and that `NAME.log.2`: what people read is the end of a log."""
QUOTED = 2_000
"""Characters of a log that fit a message in a terminal."""
GONE_SECONDS = 5.0
"""How long a process that was killed can take to be gone on a busy machine."""
GONE_LOOK_SECONDS = 0.01
_LIBC = ctypes.CDLL(None)


def start_process(
    command: list[str],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own that gets `death_signal` if this process dies.

    Only its user can read what it writes.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        """Have the kernel stop this child if the thread that started it ends (Linux only)."""
        if sys.platform == "linux":
            _LIBC.prctl(PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:
                os._exit(1)

    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own programs
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it calls one system call and no Python lock
            start_new_session=True,  # Ctrl-C reaches only this process, which stops the parts in order
            **{"umask": PRIVATE_MASK, **(options or {})},
        )


def read_end(log: Path) -> str:
    """Return the last lines of a log: what a message about its process quotes."""
    return log.read_text(encoding="utf-8", errors="replace")[-QUOTED:]


def stop_group(process: subprocess.Popen[bytes], *, seconds: float = 0.0) -> None:
    """Wait for a process that was told to end, then kill what is left of its group."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, seconds))
    deadline = time.monotonic() + GONE_SECONDS
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:  # until the last of the group is gone
            os.killpg(process.pid, signal.SIGKILL)
            process.poll()
            time.sleep(GONE_LOOK_SECONDS)
    process.wait()


@dataclass(kw_only=True)
class Part:
    """One part of the service: a child process, how it is started again, and its log."""

    name: str
    log: Path
    command: list[str]
    environment: Mapping[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    options: Mapping[str, Any] = field(default_factory=dict)
    clear: Callable[[], None] = lambda: None
    """Removes what the last process has left, before the next one starts."""
    process: subprocess.Popen[bytes] = field(init=False)
    deaths: int = 0
    """In a row, each within GOOD_SECONDS of its start."""
    starts_at: float | None = None
    """When the dead part is started again, in seconds of the monotonic clock."""
    _started: float = 0.0
    _is_over: bool = True

    def start(self) -> None:
        """Start the process."""
        self.starts_at, self._started = None, time.monotonic()
        self.clear()
        self.process = start_process(
            self.command,
            log=self.log,
            death_signal=self.stop_signal,
            environment=self.environment,
            options=self.options,
        )
        self._is_over = False

    def restart(self) -> None:
        """Kill what is left of the process and start it again."""
        self.end()
        self.start()

    def tell_to_stop(self) -> None:
        """Ask the process to end."""
        if not self._is_over:
            self.process.send_signal(self.stop_signal)

    def end(self, *, seconds: float = 0.0) -> None:
        """Wait for a process that was told to end, then kill what is left; only once, as numbers return."""
        if not self._is_over:
            stop_group(self.process, seconds=seconds)
            self._is_over = True

    def note_death(self) -> float:
        """Plan the next start of a part that ended, and return the pause in seconds before it."""
        self.end()
        now = time.monotonic()
        if now - self._started >= GOOD_SECONDS:
            self.deaths = 0
        pause = BACK_OFF_SECONDS[min(self.deaths, len(BACK_OFF_SECONDS) - 1)]
        self.deaths += 1
        self.starts_at = now + pause
        return pause

    def revive(self, tell: Callable[[str], None]) -> None:
        """Start the process again if it has ended and its pause is over."""
        if self.starts_at is None and self.process.poll() is not None:
            pause = self.note_death()
            code = self.process.returncode
            tell(f"{self.name} ended with exit code {code}{_say_when(pause)}; its log is {self.log}")
        if self.starts_at is not None and time.monotonic() >= self.starts_at:
            try:
                self.start()
            except (OSError, StartError, subprocess.SubprocessError) as error:
                tell(f"{self.name} could not be started: {error}{_say_when(self.note_death())}")

    def rotate_log(self) -> None:
        """Begin a long log anew and keep its last two; the process goes on writing to the same file."""
        with contextlib.suppress(OSError):  # a full disk, or somebody has removed the log
            if self.log.stat().st_size < LOG_BYTES:
                return
            older, oldest = (self.log.with_name(f"{self.log.name}.{number}") for number in (1, 2))
            if older.exists():
                older.replace(oldest)
            shutil.copy(self.log, older)
            os.truncate(self.log, 0)


def _say_when(pause: float) -> str:
    return f"; it is started again in {pause:g} seconds" if pause else "; it is started again"
