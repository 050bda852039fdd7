"""Faults of the machine below the service: reboots, containers, power, clocks, disks, folders, upgrades."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil

from app.embedded.data_folder import ServiceNote
from tests import patience
from tests.case_runner import Case
from tests.faults.installations import ROOT, Installation, installed
from tests.faults.strikes import Answered, start_audit, upload
from tests.faults.world import OVERRIDES, World

ONLY_ROOT = {
    "machine: a container is killed and starts again with the same process numbers": "root, for namespaces",
    "machine: the folder above is read-only": "root, to start as another user",
    "machine: the whole data folder is on a disk that fills": "root, for a small file system",
}
CLOCK = "machine: the clock jumps a day ahead and back"
UPGRADE = "machine: upgrade of the last version's folder with work under way"
SMALL_DISK_BYTES = 400 * 2**20
WAL_PAGE_BYTES, GARBLED_BYTES = 8_192, 5_000
"""PostgreSQL writes its log in pages, flushed before it answers that a transaction is done."""
DAY_SECONDS = 86_400
CLOCK_SOURCE = Path(__file__).with_name("shifted_clock.c")
NOBODY = 65_534


def explain_impossible(name: str) -> str | None:
    """Return what a case needs and this machine does not have; None: it can be run."""
    if name in ONLY_ROOT and os.geteuid() != 0:
        return ONLY_ROOT[name]
    if name == CLOCK and shutil.which("cc") is None:
        return "a C compiler, for the clock that is set"
    if name == UPGRADE and find_last_version() is None:
        return "the repository's history"
    return None


@contextlib.contextmanager
def _working(made: Installation) -> Iterator[Answered]:
    """Start a service, with verdicts stored and an audit under way."""
    made.environment = {**OVERRIDES, "LIMIT_AUDIT_MAX_ATTEMPTS": "1000", **made.environment}
    made.start()
    url = made.until_ready()
    answered = Answered(dataset=upload(url, made.folder))
    deadline = time.monotonic() + 1.0
    answered.review(url, lambda: time.monotonic() > deadline)
    answered.audits.append(start_audit(url, answered.dataset))
    time.sleep(2)
    yield answered


def _check_again(made: Installation, answered: Answered) -> None:
    """Start again and check that all that was answered is there."""
    made.start()
    answered.check(made.until_ready())
    assert made.end(signal.SIGTERM) == 0, made.output[-1000:]
    made.check_nothing_left()


def _kill_everything(made: Installation) -> ServiceNote:
    """Kill the service and its keeper at once, as the end of a machine does, and return its note."""
    made.note_token()
    note = ServiceNote.read(made.data_dir)
    assert note is not None
    for _ in range(3):
        for process in made.find_processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
    assert made.process is not None
    made.process.wait()
    return note


def reboot(_: World) -> str:
    """End all processes at once, empty the temporary folder, and let others have their numbers."""
    with installed() as made, _working(made) as answered:
        note = _kill_everything(made)
        for folder in note.folders:
            shutil.rmtree(folder, ignore_errors=True)
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(900)"])
        try:
            owner = replace(note.owner, pid=sleeper.pid, started="another-boot 1")
            replace(note, owner=owner).write(made.data_dir)
            (made.data_dir / "postgres/postmaster.pid").write_text(f"{sleeper.pid}\n")
            _check_again(made, answered)
            assert sleeper.poll() is None, "the process of somebody else was killed"
        finally:
            sleeper.kill()
            sleeper.wait()
    return f"{len(answered.verdicts)} verdicts and the audit went on; a process with an old number lives"


def container(_: World) -> str:
    """Run in a process namespace of its own, end it at once, and start in a new one, twice."""
    with installed() as made:
        made.user = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]
        with _working(made) as answered:
            for _time in range(2):
                made.note_token()
                assert made.process is not None
                made.process.kill()
                made.process.wait()
                namespace = made.start()
                url = made.until_ready()
            answered.check(url)
            inner = psutil.Process(namespace.pid).children()[0]
            inner.send_signal(signal.SIGTERM)
            namespace.wait(patience.scale(60))
            made.check_nothing_left()
    return "process 1 both times; nothing is lost"


def power_loss(_: World) -> str:
    """End everything at once, and cut or garble what was not yet flushed to the disk."""
    with installed() as made, _working(made) as answered:
        _kill_everything(made)
        segments = sorted(
            path for path in (made.data_dir / "postgres/pg_wal").iterdir() if len(path.name) == 24
        )
        last = max(segments, key=lambda path: path.stat().st_mtime_ns)
        content = last.read_bytes()
        written = -(-len(content.rstrip(b"\0")) // WAL_PAGE_BYTES) * WAL_PAGE_BYTES  # what was flushed stays
        garbled = os.urandom(min(GARBLED_BYTES, len(content) - written))
        last.write_bytes(content[:written] + garbled + content[written + len(garbled) :])
        for name in ("postgres/postmaster.pid", "service.json"):
            (made.data_dir / name).write_bytes(b"")
        for schedule in made.data_dir.glob("beat-schedule*"):
            schedule.write_bytes(schedule.read_bytes()[:100])
        _check_again(made, answered)
    return "the log's garbled end, empty notes and a cut schedule: all that was answered is there"


def clock_jumps(_: World) -> str:
    """Let the clock of all processes jump a day ahead and back while an audit runs."""
    with installed() as made:
        library, shift = made.folder / "shifted_clock.so", made.folder / "clock"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(CLOCK_SOURCE)], check=True)  # noqa: S607
        made.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK_FILE": str(shift)}
        with _working(made) as answered:
            for seconds in (DAY_SECONDS, 0, -DAY_SECONDS, 0):
                waiting = shift.with_suffix(".new")
                waiting.write_text(str(seconds))
                waiting.replace(shift)
                _require_shift(made.environment, seconds)
                time.sleep(3)
            url = made.until_ready()
            answered.check(url)
            answered.audits.append(start_audit(url, answered.dataset))
            answered.check(url)
            assert made.end(signal.SIGTERM) == 0, made.output[-1000:]
            made.check_nothing_left()
    return "the audit and a new one ended; verdicts are kept"


def _require_shift(environment: dict[str, str], seconds: int) -> None:
    """Check that programs see the shifted time of day."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    told = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    assert abs(float(told.stdout) - time.time() - seconds) < 60, "the clock was not set"


def read_only_parent(_: World) -> str:
    """Have the data folder below a folder that its user may not write."""
    with installed() as made:
        made.folder.chmod(0o755)
        made.data_dir.mkdir(mode=0o700)
        os.chown(made.data_dir, NOBODY, NOBODY)
        other = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
        reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
        made.user = [*other, *reading]
        made.environment = {"HOME": "/nonexistent"}
        made.check_starts()
        shutil.rmtree(made.data_dir)
        process = made.start()
        assert process.wait(patience.scale(60)) != 0
        assert "Traceback" not in made.output, made.output[-2000:]
        assert str(made.data_dir) in made.output, made.output[-2000:]
    return "started; a folder that cannot be made is refused by its name"


def small_disk(_: World) -> str:
    """Fill the disk of the whole data folder, database included, and make room again."""
    with installed() as made:
        made.data_dir.mkdir()
        mount = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={SMALL_DISK_BYTES},mode=700",
            "tmpfs",
            str(made.data_dir),
        ]
        subprocess.run(mount, check=True)
        try:
            with _working(made) as answered:
                filler = made.data_dir / "filler"
                with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                    while file.write(bytes(2**20)):
                        pass
                url = made.until_ready()
                deadline = time.monotonic() + 10
                answered.review(url, lambda: time.monotonic() > deadline)
                filler.unlink()
                _until_ready(url)
                answered.check(url)
                assert made.end(signal.SIGTERM) == 0, made.output[-1000:]
                made.check_nothing_left()
                _check_again(made, answered)
        finally:
            subprocess.run(["umount", "--lazy", str(made.data_dir)], check=False)  # noqa: S607
    return f"{len(answered.verdicts)} verdicts kept; the audit went on when there was room"


def _until_ready(url: str) -> None:
    deadline = time.monotonic() + patience.scale(90)
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/v1/health/ready", trust_env=False, timeout=30).is_success:
                return
        time.sleep(0.2)
    raise AssertionError("not ready again")


def find_last_version() -> str | None:
    """Return the last commit before the newest migration: the code of folders with older tables."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "log",
        "--diff-filter=A",
        "-1",
        "--format=%H",
        "--",
        "migrations/versions",
    ]
    found = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    if not found:
        return None
    parent = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{found}^"]
    return subprocess.run(parent, check=False, capture_output=True, text=True).stdout.strip() or None


def upgrade(_: World) -> str:
    """Have the last version work in a folder, end it, and start this version there."""
    commit = find_last_version()
    with installed() as made:
        code = made.folder / "code"
        code.mkdir()
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", str(commit)],  # noqa: S607
            check=True,
            capture_output=True,
        )
        subprocess.run(["tar", "-x", "-C", str(code)], input=archive.stdout, check=True)  # noqa: S607
        made.code = code
        with _working(made) as answered:
            made.end(signal.SIGTERM)
            made.check_nothing_left()
            made.code = ROOT
            _check_again(made, answered)
    return f"of {str(commit)[:7]}: {len(answered.verdicts)} verdicts kept, the audit went on"


CASES = [
    Case(name="machine: it is switched off and on", run=reboot, seconds=600),
    Case(name=next(iter(ONLY_ROOT)), run=container, seconds=600),
    Case(name="machine: the power fails", run=power_loss, seconds=600),
    Case(name=CLOCK, run=clock_jumps, seconds=600),
    Case(name="machine: the folder above is read-only", run=read_only_parent),
    Case(name="machine: the whole data folder is on a disk that fills", run=small_disk, seconds=600),
    Case(name=UPGRADE, run=upgrade, seconds=600),
]
