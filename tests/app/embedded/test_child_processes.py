import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.embedded import child_processes
from app.embedded.child_processes import Part
from tests import patience


def part(folder: Path, code: str) -> Part:
    log = folder / "part.log"
    return Part(name="part", log=log, command=[sys.executable, "-c", code], environment=dict(os.environ))


def test_a_part_that_dies_again_and_again_is_started_after_growing_pauses(tmp_path: Path) -> None:
    dying, said = part(tmp_path, "raise SystemExit(3)"), list[str]()
    dying.start()
    pauses = []
    for _ in range(9):
        dying.process.wait()
        dying.revive(said.append)
        pauses.append(dying.starts_at and round(dying.starts_at - time.monotonic()))
        dying.starts_at = 0.0 if dying.starts_at else None
        dying.revive(said.append)
    dying.end()
    assert pauses == [None, 1, 2, 5, 10, 30, 60, 60, 60]
    assert "part ended with exit code 3; it is started again in 60 seconds" in said[-1]


def test_deaths_are_forgotten_after_a_good_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dying = part(tmp_path, "pass")
    dying.start()
    assert [dying.note_death() for _ in range(3)] == [0, 1, 2]
    monkeypatch.setattr(child_processes, "GOOD_SECONDS", 0.0)
    assert dying.note_death() == 0


def test_a_part_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    missing, said = part(tmp_path, "pass"), list[str]()
    missing.start()
    missing.process.wait()
    missing.command = [str(tmp_path / "missing")]
    missing.revive(said.append)
    assert missing.starts_at is not None
    assert "could not be started" in said[-1]


def test_a_long_log_is_begun_anew_and_two_older_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_processes, "LOG_BYTES", 100)
    writing = part(tmp_path, "import time; time.sleep(600)")
    writing.start()
    for letter in "abc":
        with writing.log.open("a") as log:
            log.write(letter * 100)
        writing.rotate_log()
    writing.end()
    assert writing.log.read_text() == ""
    assert (tmp_path / "part.log.1").read_text() == "c" * 100
    assert (tmp_path / "part.log.2").read_text() == "b" * 100
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_part_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from app.embedded import child_processes as c\n"
        "p = c.start_process([sys.executable, '-c', 'import time; time.sleep(600)'],"
        f" log=Path({str(tmp_path / 'log')!r}))\n"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + patience.scale(10)
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline, "it outlives its owner"
        time.sleep(0.01)
