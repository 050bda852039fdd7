"""Faults of the embedded service: what kills it, what it finds at its start, who else is on the machine."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import psutil

from app.embedded import embedded_postgres
from app.embedded.data_folder import ServiceNote
from app.embedded.process_identity import ProcessIdentity, find_postgres
from app.embedded.service_address import find_running_service
from tests import patience
from tests.case_runner import Case
from tests.faults.installations import OTHERS, Installation, installed
from tests.faults.moments import MOMENTS
from tests.faults.world import World

Strike = Callable[[World], str]
LONGEST_START = 15.0
"""Seconds within which a kill hits the start, on a machine with two cores."""
SECOND_USER = "embedded: a second user"
"""The case that only root can run."""


def pid_of_somebody_else(_: World) -> str:
    """Let the number in a stale lock file be that of another process."""
    with installed() as made:
        made.check_starts()
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        try:
            for content in (
                f"{sleeper.pid}\n{made.data_dir / 'postgres'}\n1\n5432\n\n\n\nready\n",
                f"{sleeper.pid}\n",
            ):
                (made.data_dir / "postgres/postmaster.pid").write_text(content)
                made.check_starts()
            assert sleeper.poll() is None, "the process of somebody else was killed"
        finally:
            sleeper.kill()
            sleeper.wait()
    return "started twice; the process lives"


def pid_file_cut(_: World) -> str:
    """Empty, cut or garble the lock file, as a power loss does."""
    contents = (b"", b"12", b"\0" * 40, b"-1\n", b"99999999\n/nowhere\n")
    with installed() as made:
        made.check_starts()
        for content in contents:
            (made.data_dir / "postgres/postmaster.pid").write_bytes(content)
            (made.data_dir / "service.json").write_bytes(content)
            made.check_starts()
    return f"started {len(contents)} times"


def strike(*numbers: signal.Signals, before: Callable[[Installation], None] | None = None) -> Strike:
    """Return a case: send signals to `up` at random moments of its start and life, MOMENTS.kills times."""

    def run(_: World) -> str:
        rng, stored = MOMENTS.draw("kill"), set[str]()
        with installed() as made:
            for attempt in range(MOMENTS.kills):
                made.start()
                if attempt % 2:
                    name = f"kept {attempt}"
                    made.make_dataset(made.until_ready(), name)
                    stored.add(name)
                else:
                    _wait_in_start(made, rng.uniform(0.5, LONGEST_START))
                if before is not None:
                    before(made)
                made.end(numbers[attempt % len(numbers)])
                if before is None:
                    made.check_nothing_left()
            made.check_starts(stored=stored)
        return f"{MOMENTS.kills} times, half of them in the start; {len(stored)} datasets kept, nothing left"

    return run


def _wait_in_start(made: Installation, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and "API  " not in made.output:
        made.note_token()
        time.sleep(0.02)


def _kill_keeper(made: Installation) -> None:
    assert made.process is not None
    for child in psutil.Process(made.process.pid).children():
        if "app.embedded.keeper" in child.cmdline():
            child.kill()


def strike_with_keeper(world: World) -> str:
    """Kill the keeper, then its service: what is left is for the next start."""
    return strike(signal.SIGKILL, before=_kill_keeper)(world)


def ended_in_initdb(_: World) -> str:
    """End the very first start while initdb works, again and again, in the same folder."""
    rng, hits = MOMENTS.draw("kill"), 0
    with installed() as made:
        for attempt in range(MOMENTS.kills):
            made.start()
            while not (made.data_dir / "postgres.new").exists() and not (made.data_dir / "postgres").exists():
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 1.0))
            hits += (made.data_dir / "postgres.new").exists()
            made.end((signal.SIGTERM, signal.SIGKILL)[attempt % 2])
            made.check_nothing_left()
            shutil.rmtree(made.data_dir / "postgres", ignore_errors=True)
        made.check_starts()
    assert hits >= MOMENTS.kills // 4, f"only {hits} of {MOMENTS.kills} hit initdb"
    return f"{hits} of {MOMENTS.kills} signals hit initdb; the folder starts"


def unfinished_by_an_earlier_version(_: World) -> str:
    """Find a folder whose initdb an earlier version has not finished."""
    with installed() as made:
        folder = made.data_dir / "postgres"
        folder.mkdir(parents=True)
        (folder / "PG_VERSION").write_text("18\n")
        (folder / "global").mkdir()
        made.check_starts()
        assert len(list(made.data_dir.glob("postgres.unfinished-*"))) == 1
    return "put aside, a new one made"


def database_killed_under_up(_: World) -> str:
    """Kill PostgreSQL, its children and all of it while nobody but `up` watches."""
    slowest = 0.0
    with installed() as made:
        made.start()
        url = made.until_ready()
        made.make_dataset(url, "kept")
        for kind in ("first", "child", "all"):
            found = find_postgres(made.data_dir / "postgres")
            first = next(process for process in found if process.parent() not in found)
            for process in {"first": [first], "child": first.children()[:1], "all": found}[kind]:
                process.kill()
            slowest = max(slowest, _until_ready_again(url))
        assert made.list_datasets(url) == {"kept"}
        made.end(signal.SIGTERM)
        made.check_nothing_left()
    return f"answered again within {slowest:.0f} s"


def _until_ready_again(url: str) -> float:
    started, time_limit = time.monotonic(), patience.scale(60)
    time.sleep(0.5)
    while time.monotonic() - started < time_limit:
        try:
            if httpx.get(f"{url}/v1/health/ready", trust_env=False, timeout=30).is_success:
                return time.monotonic() - started
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError("not ready again")


def many_deaths_of_a_part(_: World) -> str:
    """Kill the broker and the API more often than six times."""
    with installed() as made:
        made.start()
        url = made.until_ready()
        up = psutil.Process(made.process.pid if made.process else 0)
        for word in ("valkey-server", "uvicorn"):
            for _time in range(8):
                victim = _until_child(up, word)
                victim.kill()
                victim.wait()
        _until_ready_again(url)
        made.end(signal.SIGTERM)
        made.check_nothing_left()
    return "8 deaths each; ready again"


def _until_child(up: psutil.Process, word: str) -> psutil.Process:
    deadline = time.monotonic() + patience.scale(90)
    while time.monotonic() < deadline:
        for child in up.children():
            if any(word in part for part in child.cmdline()):
                return child
        time.sleep(0.1)
    raise AssertionError(f"no {word} came back")


def long_path(_: World) -> str:
    """Use data folders whose paths are too long for a socket."""
    with installed() as made:
        for length in (95, 230):
            made.folder /= "x" * (length - len(str(made.folder)))
            made.folder.mkdir()
            made.start()
            made.until_ready()
            _check_sockets(made)
            made.end(signal.SIGTERM)
            made.check_nothing_left()
    return "started with 95 and 230 characters; sockets in folders with mode 0700"


def _check_sockets(made: Installation) -> None:
    note = ServiceNote.read(made.data_dir)
    assert note is not None
    for folder in map(Path, note.folders):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    assert stat.S_IMODE((made.data_dir / "service.json").stat().st_mode) == 0o600
    for log in (made.data_dir / "logs").iterdir():
        assert stat.S_IMODE(log.stat().st_mode) == 0o600, log


def closed_parents(_: World) -> str:
    """Use a data folder below folders that nobody else may enter."""
    with installed() as made:
        made.folder.chmod(0o700)
        before = {parent: parent.stat().st_mode for parent in made.folder.parents}
        made.check_starts()
        assert {parent: parent.stat().st_mode for parent in made.folder.parents} == before
        assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(made.data_dir.stat().st_mode) == 0o700
    return "started; no folder was opened"


def second_user(_: World) -> str:
    """Start a service as another user while one of this user, root, runs."""
    other = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    # The interpreter may lie in a closed folder, as root's own does: this lets the other user read it.
    reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    with installed() as mine, installed("other") as theirs:
        os.chown(theirs.folder, 65534, 65534)
        theirs.user = [*other, *reading]
        theirs.environment = {"HOME": str(theirs.folder)}
        mine.start()
        mine.until_ready()
        theirs.start()
        theirs.until_ready()
        theirs.note_token()
        note = ServiceNote.read(mine.data_dir)
        assert note is not None
        for target in (*note.folders, str(mine.data_dir)):
            listed = subprocess.run([*other, "ls", target], check=False, capture_output=True)
            assert listed.returncode != 0, f"{target} is open to others"
        theirs.end(signal.SIGTERM)
        mine.end(signal.SIGTERM)
    return "both ran; the folders of one are closed to the other"


class _Foreign(BaseHTTPRequestHandler):
    """A service of somebody else that says to everything that all is well, and counts what it gets."""

    uploads = 0

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"status": "ok", "checks": {}, "proof": "' + b"0" * 64 + b'"}')

    def do_POST(self) -> None:
        """Count an upload."""
        type(self).uploads += 1
        self.do_GET()

    do_PUT = do_POST

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _audit_a_file(made: Installation) -> None:
    file = made.folder / "small.csv"
    file.write_text("a,label\n" + "1,x\n2,y\n" * 20, encoding="utf-8")
    out = str(made.folder / "out.csv")
    command = [sys.executable, "-m", "app.cli.root", "audit", str(file), "--out", out]
    environment = {**os.environ, "LIMIT_AUDIT_HOME": str(made.data_dir)}
    seconds = patience.scale(200)
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=seconds)


def taken_port(_: World) -> str:
    """Start on the port of another service, and audit a file while one answers at the noted address."""
    with HTTPServer(("127.0.0.1", 0), _Foreign) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        url = f"http://127.0.0.1:{port}"
        with installed() as made:
            process = made.start("--port", str(port))
            assert process.wait(patience.scale(60)) != 0
            assert "API  " not in made.output
            assert f"port {port}" in made.output, made.output
            made.check_nothing_left()
            note = ServiceNote(
                owner=ProcessIdentity.of(os.getpid()), token="0" * 64, url=url, database_url=""
            )
            note.write(made.data_dir)
            assert find_running_service(made.data_dir) is None, "a foreign service was taken for ours"
            _audit_a_file(made)
        server.shutdown()
    assert _Foreign.uploads == 0, "something was uploaded to a foreign service"
    return "refused with the port's number; the file was audited by a service of its own"


def database_of_a_dead_owner(_: World) -> str:
    """Find PostgreSQL running without an owner and without a note, as earlier versions left it."""
    with installed() as made:
        made.start()
        made.make_dataset(made.until_ready(), "kept")
        made.end(signal.SIGTERM)
        program = embedded_postgres.prepare(made.data_dir)
        OTHERS.update(program.folders)  # they are this case's
        process = subprocess.Popen(program.command, stderr=subprocess.DEVNULL, **program.options)
        while not program.is_ready():
            assert process.poll() is None
            time.sleep(0.1)
        made.check_starts(stored={"kept"})
        assert process.wait(0) == 0, "it wrote its last checkpoint"
        embedded_postgres.remove(program.folders)
    return "stopped in order; the folder starts with all its data"


def logs_grow(_: World) -> str:
    """Let a log grow past its limit."""
    with installed() as made:
        made.start()
        url = made.until_ready()
        log = made.data_dir / "logs/api.log"
        for _round in range(3):
            with log.open("ab") as file:
                file.write(b"x" * 11 * 2**20)
            deadline = time.monotonic() + patience.scale(20)
            while log.stat().st_size > 2**20:
                assert time.monotonic() < deadline, "the log was not begun anew"
                time.sleep(0.1)
        assert httpx.get(f"{url}/v1/health/ready", trust_env=False).is_success
        kept = sorted(path.name for path in log.parent.glob("api.log*"))
        assert kept == ["api.log", "api.log.1", "api.log.2"]
        made.end(signal.SIGTERM)
    return "begun anew three times, two older ones kept"


def long_temporary_folder(_: World) -> str:
    """Have the temporary folder on a path too long for a socket."""
    with installed() as made:
        deep = made.folder / ("y" * 120)
        deep.mkdir()
        made.environment = {"TMPDIR": str(deep)}
        made.check_starts()
    return "started with sockets elsewhere"


def same_port_again(_: World) -> str:
    """Start again at once on the same port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with installed() as made:
        for _time in range(3):
            made.start("--port", port)
            url = made.until_ready()
            made.make_dataset(url, "x")
            made.end(signal.SIGTERM)
    return "three times in a row"


CASES: list[Case[World]] = [
    Case(name="embedded: a stale pid is somebody else's process", run=pid_of_somebody_else),
    Case(name="embedded: the pid file is empty, cut or garbled", run=pid_file_cut),
    Case(name="embedded: up is killed outright, 20 times", run=strike(signal.SIGKILL), seconds=900),
    Case(name="embedded: up and its keeper are killed, 20 times", run=strike_with_keeper, seconds=900),
    Case(name="embedded: up is ended, 20 times", run=strike(signal.SIGTERM, signal.SIGHUP), seconds=900),
    Case(name="embedded: ended in initdb, 20 times", run=ended_in_initdb, seconds=600),
    Case(name="embedded: initdb of an earlier version is unfinished", run=unfinished_by_an_earlier_version),
    Case(name="embedded: PostgreSQL is killed under up", run=database_killed_under_up),
    Case(name="embedded: a part dies again and again", run=many_deaths_of_a_part, seconds=600),
    Case(name="embedded: the data folder has a long path", run=long_path),
    Case(name="embedded: the folders above are closed", run=closed_parents),
    Case(name=SECOND_USER, run=second_user),
    Case(name="embedded: the port is taken", run=taken_port),
    Case(name="embedded: PostgreSQL of a dead owner runs", run=database_of_a_dead_owner),
    Case(name="embedded: logs grow", run=logs_grow),
    Case(name="embedded: the temporary folder has a long path", run=long_temporary_folder),
    Case(name="embedded: the same port again at once", run=same_port_again),
]
"""Each makes installations of its own; the running service is not touched."""
