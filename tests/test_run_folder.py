"""However a run of tests ends, no process and no folder of it stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import patience, run_folder
from tests.run_folder import Process

RUN = """
import os, subprocess, sys, tempfile, time
from tests import run_folder
folder = run_folder.join_or_open()
tempfile.mkdtemp()
daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
stubborn = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); "
    "print(flush=True); time.sleep(600)"], stdout=subprocess.PIPE, start_new_session=True)
stubborn.stdout.readline()
print(folder, daemon.pid, stubborn.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


class Run:
    """A run in a process of its own, with two processes that do not end by themselves."""

    def __init__(self, parent: Path, *, seconds: float = 600) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(seconds)],
            env={**os.environ, run_folder.VARIABLE: str(parent), run_folder.END_VARIABLE: "0.5"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where Ctrl-C prints its trace
            text=True,
        )
        assert self.process.stdout is not None
        with self.process.stdout as output:
            folder, *pids = output.readline().split()
        self.folder = Path(folder)
        self.left = [Process.of(int(pid)) for pid in pids]

    def is_gone(self) -> bool:
        """Return whether nothing of it is there."""
        return not self.folder.exists() and not any(process.is_alive() for process in self.left)


def wait_until_gone(run: Run) -> None:
    deadline = time.monotonic() + patience.scale(20)
    while not run.is_gone():
        assert time.monotonic() < deadline, [run.folder.exists(), run.left]
        time.sleep(0.1)


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_leaves_nothing_however_it_ends(tmp_path: Path, number: signal.Signals | None) -> None:
    run = Run(tmp_path, seconds=0 if number is None else 600)
    if number is not None:
        run.process.send_signal(number)
    run.process.wait(patience.scale(10))
    wait_until_gone(run)
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_clears_up_after_a_run_whose_watchdog_was_killed_too(tmp_path: Path) -> None:
    first = Run(tmp_path)
    (_, watchdog) = run_folder.read_owners(first.folder)
    os.kill(watchdog.pid, signal.SIGKILL)
    first.process.kill()
    first.process.wait(patience.scale(10))
    assert first.folder.exists()
    second = Run(tmp_path, seconds=0)
    assert first.is_gone()
    second.process.wait(patience.scale(10))
    wait_until_gone(second)


def test_a_run_beside_a_running_one_lets_it_be(tmp_path: Path) -> None:
    first = Run(tmp_path)
    second = Run(tmp_path, seconds=0)
    second.process.wait(patience.scale(10))
    wait_until_gone(second)
    assert first.folder.exists()
    assert all(process.is_alive() for process in first.left)
    assert len(run_folder.find_lasting(first.folder, seconds=0)) == 2
    first.process.terminate()
    first.process.wait(patience.scale(10))
    wait_until_gone(first)
