"""The complete service on one machine: PostgreSQL and a broker from wheels, the rest as child processes."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.access import loopback_rule
from app.embedded import (
    data_folder,
    embedded_broker,
    embedded_postgres,
    keeper,
    leftovers,
    part_commands,
    running_services,
    service_address,
)
from app.embedded.child_processes import Part, read_end
from app.embedded.data_folder import ServiceNote, StartError
from app.embedded.process_identity import ProcessIdentity
from app.embedded.running_services import NOTE
from app.embedded.service_address import HOST
from app.infra import instance_proof
from app.infra.settings import PREFIX

START_SECONDS = 600
"""A patient limit: a part that ends is noticed at once, and on a busy machine a minute was too little."""
NEWS_SECONDS = 30
"""After which a start that takes long says so, and again after each such time."""
STOP_SECONDS = 20
POSTGRES_STOP_SECONDS = 60
"""For its last checkpoint; without one the next start repeats its log."""
WATCH_SECONDS = 0.5
POSTGRES, BROKER = "postgres", "redis"
SERVERS = (POSTGRES, BROKER)
"""The parts that the others need until their end."""
# An arena a thread kept 147 MiB of the API that nothing used any more, after the cases of `make hostile`.
# Spinning threads take cores from PostgreSQL, the API and each other: on two busy cores a training took over
# 200 seconds with the default and 44 with PASSIVE. Threads that wait for each other also stall when another
# program takes a core, so half of the cores stay free: with both cores busy, six epochs of 1,000 digits took
# 70 seconds on two threads and 2 on one.
QUIET_PROCESS = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) // 2)),
}
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


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
    _token: str = field(default_factory=instance_proof.make_token)
    _folders: list[Path] = field(default_factory=list)
    _watching: threading.RLock = field(default_factory=threading.RLock)
    _stopping: threading.Event = field(default_factory=threading.Event)

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
        return {**QUIET_PROCESS, **os.environ, **self._settings, **self.overrides}

    def __enter__(self) -> Self:
        authentication = self.overrides.get(f"{PREFIX}AUTHENTICATION", "none")
        refusal = loopback_rule.explain_refusal(authentication, self.host)
        if refusal is not None:
            raise StartError(refusal)
        self.data_dir = self.data_dir.absolute()
        data_folder.make_data_folder(self.data_dir)
        self._closing.enter_context(data_folder.lock_folder(self.data_dir))
        try:
            self.port = self.port or service_address.find_free_port()
            service_address.check_port(self.host, self.port)
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        if leftovers.reap_service(self.data_dir):
            self.on_step("stopped what an earlier service had left running")
        self._write_note("")
        self._closing.enter_context(keeper.keep(self.data_dir))
        self.on_step("PostgreSQL and the broker")
        database_url, broker_url = self._start_postgres(), self._start_broker()
        self._settings = {
            f"{PREFIX}DATABASE_URL": database_url,
            f"{PREFIX}BROKER_URL": broker_url,
            f"{PREFIX}STORAGE_DIR": str(self.data_dir / "files"),
            f"{PREFIX}AUTHENTICATION": "none",
            f"{PREFIX}LOG_FORMAT": "text",
            leftovers.MARK: self._token,
        }
        self.on_step("migrations")
        self._run("migrate", "-m", "app.cli.root", "migrate")
        self.on_step("API, workers and beat")
        self._start_parts()
        self._wait(lambda: running_services.is_ours(self.url, self._token, "ready"), *self._parts)
        self._write_note(database_url)
        running_services.announce(self.data_dir)

    def _write_note(self, database_url: str) -> None:
        ServiceNote(
            owner=ProcessIdentity.of(os.getpid()),
            token=self._token,
            url=self.url,
            database_url=database_url,
            folders=tuple(map(str, self._folders)),
        ).write(self.data_dir)

    def _start_postgres(self) -> str:
        program = embedded_postgres.prepare(self.data_dir)
        self._keep_folders(*program.folders)
        part = self._spawn(
            POSTGRES,
            program.command,
            environment=self._server_environment,
            stop_signal=signal.SIGINT,
            options=program.options,
            clear=lambda: leftovers.stop_postgres(program.database),
        )
        self._wait(program.is_ready, part)
        return program.url

    def _start_broker(self) -> str:
        program = embedded_broker.prepare()
        self._keep_folders(program.folder)
        part = self._spawn(BROKER, program.command, environment=self._server_environment)
        self._wait(program.socket.exists, part)
        return program.url

    @property
    def _server_environment(self) -> dict[str, str]:
        return {**os.environ, leftovers.MARK: self._token}

    def _keep_folders(self, *folders: Path) -> None:
        """Note temporary folders, so that they go with the service, however it ends."""
        for folder in folders:
            data_folder.mark_folder(folder, self.data_dir)
        self._folders += folders
        self._closing.callback(embedded_postgres.remove, folders)
        self._write_note("")

    def _start_parts(self) -> None:
        commands = {
            "api": part_commands.build_api(self.host, self.port),
            **part_commands.build_workers(self.data_dir / "beat-schedule"),
        }
        for name, command in commands.items():
            self._spawn(name, command)

    def _run(self, name: str, *arguments: str) -> None:
        part = self._spawn(name, [sys.executable, *arguments])
        self._wait(lambda: part.process.poll() is not None)
        self._parts.remove(part)
        part.end()
        if part.process.returncode != 0:
            raise StartError(f"{name} failed:\n{read_end(part.log)}")

    def _spawn(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - fields of Part
    ) -> Part:
        log = self.data_dir / "logs" / f"{name}.log"
        environment = environment or self.environment
        part = Part(name=name, log=log, command=command, environment=environment, **options)
        part.start()
        self._parts.append(part)
        return part

    def find_part(self, name: str) -> Part:
        """Return a part by its name."""
        return next(part for part in self._parts if part.name == name)

    def restart(self, name: str) -> None:
        """Kill what is left of a part and start it again."""
        self.find_part(name).restart()

    def watch(self, *, seconds: float = WATCH_SECONDS) -> None:
        """Start parts that end again and keep their logs short, until `stop`."""
        while not self._stopping.wait(seconds):
            self.revive_parts()

    @contextlib.contextmanager
    def watched(self) -> Iterator[Self]:
        """Watch the parts in the background."""
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            self._stopping.set()
            watcher.join()

    def revive_parts(self) -> None:
        """Start parts that ended again and keep logs short; all work continues from the database."""
        with self._watching:
            for part in self._parts:
                part.rotate_log()
                part.revive(self.on_step)

    def stop(self) -> None:
        """Stop every part, the newest first and PostgreSQL last; a second Ctrl-C does not interrupt this."""
        self._stopping.set()
        with _ignore_signals(), self._watching:
            self._stop()

    def _stop(self) -> None:
        for part in reversed([part for part in self._parts if part.name not in SERVERS]):
            part.tell_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for part in reversed(self._parts):
            part.tell_to_stop()
            seconds = POSTGRES_STOP_SECONDS if part.name == POSTGRES else deadline - time.monotonic()
            part.end(seconds=max(0.1, seconds))
        self._parts.clear()
        note = ServiceNote.read(self.data_dir)
        if note is not None and note.token == self._token:
            (self.data_dir / NOTE).unlink(missing_ok=True)
            running_services.withdraw(self.data_dir)
        self._closing.close()

    def _wait(self, until: Callable[[], bool], *parts: Part) -> None:
        """Wait until a condition holds that needs all these parts; on failure name the part that ended."""
        started, news = time.monotonic(), 1
        while not until():
            for part in parts:
                if part.process.poll() is not None:
                    raise StartError(f"{part.name} did not start:\n{read_end(part.log)}")
            waited = time.monotonic() - started
            if waited > START_SECONDS:
                names = ", ".join(part.name for part in self._parts)
                raise StartError(
                    f"{names}: no answer within {START_SECONDS} seconds; logs are in {self.data_dir / 'logs'}"
                )
            if waited > news * NEWS_SECONDS:
                self.on_step(
                    f"still waiting after {waited:.0f} seconds; logs are in {self.data_dir / 'logs'}"
                )
                news += 1
            time.sleep(0.05)


@contextlib.contextmanager
def _ignore_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
