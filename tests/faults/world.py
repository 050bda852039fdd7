"""The service under test, what can be done to it, and what must hold afterwards."""

import hashlib
import io
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import numpy as np
import psutil
from PIL import Image
from redis import Redis
from sqlalchemy import Connection, Engine, create_engine, text

from app.client import Client
from app.embedded.local_stack import LocalStack
from app.infra.queue import Task, make_celery_app, make_sender
from tests import patience

Json = dict[str, Any]
Found = TypeVar("Found")
OVERRIDES = {
    "LIMIT_AUDIT_LEASE_SECONDS": "8",
    "LIMIT_AUDIT_HEARTBEAT_SECONDS": "0.3",
    "LIMIT_AUDIT_SWEEP_SECONDS": "1",
    "LIMIT_AUDIT_RESEND_SECONDS": "3",
    "LIMIT_AUDIT_TIDY_SECONDS": "3",
    "LIMIT_AUDIT_CHECKPOINT_SECONDS": "0.5",
    "LIMIT_AUDIT_PROVISIONAL_SECONDS": "0",
    "LIMIT_AUDIT_UPLOAD_RESERVE_BYTES": "0",
    "LIMIT_AUDIT_UPLOAD_SAVE_BYTES": "1048576",
    "OMP_NUM_THREADS": "1",
}
SMALL: Json = {"method": "limit_g", "network": "mlp", "batch_size": 64, "seed": 7}
EPOCHS = 60
WAIT_SECONDS = patience.scale(150)
PARTS = ("postgres", "redis", "api", "worker-cpu", "worker-finish", "worker-light", "worker-train", "beat")
ENDED = {"succeeded", "failed", "cancelled"}


@dataclass
class World:
    """A running service with a dataset in it, and the ranking of an audit that nothing disturbed."""

    stack: LocalStack
    client: Client
    engine: Engine
    dataset: str = ""
    undisturbed: str = ""
    """SHA-256 of the ranking that every audit of this seed must come to."""
    disk: Path | None = None
    """The small file system that holds the files, where there is one."""
    audits: list[str] = field(default_factory=list)

    # What is asked of the service

    def upload(self, file: Path) -> str:
        """Upload a file and return its dataset, which is read from now on."""
        return str(self.client.upload([file], name=file.name)["id"])

    def audit(self, *, epochs: int = EPOCHS) -> str:
        """Start an audit of the world's dataset."""
        answer = self.client.start_audit(self.dataset, **SMALL, epochs=epochs)
        self.audits.append(str(answer["id"]))
        return str(answer["id"])

    def read(self, audit: str) -> Json:
        """Return an audit's answer."""
        return dict(self.client.get(f"/v1/audits/{audit}"))

    def until_training(self, audit: str, *, epoch: int = 2) -> Json:
        """Wait until an audit's run has got as far as this epoch."""

        def far() -> Json | None:
            run = self.read(audit)["runs"][0]
            assert run["status"] in {"queued", "running"}, f"the run had {run['status']} before the fault"
            return run if (run["progress"] or {}).get("epoch", 0) >= epoch else None

        return self.until(far, "training")

    def until_ended(self, audit: str) -> Json:
        """Wait until an audit is in a terminal state."""

        def ended() -> Json | None:
            try:
                answer = self.read(audit)
            except (httpx.HTTPError, RuntimeError):
                return None  # the fault may still be on
            return answer if answer["status"] in ENDED else None

        return self.until(ended, "a terminal state")

    def until_read(self, dataset: str) -> Json:
        """Wait until a dataset is ready or rejected."""

        def done() -> Json | None:
            try:
                answer = dict(self.client.get(f"/v1/datasets/{dataset}"))
            except (httpx.HTTPError, RuntimeError):
                return None
            return answer if answer["status"] in {"ready", "rejected"} else None

        return self.until(done, "a dataset that was read")

    @staticmethod
    def until(ask: Callable[[], Found | None], what: str, seconds: float = WAIT_SECONDS) -> Found:
        """Ask until there is an answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = ask()
            if answer is not None:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come within {seconds:.0f} seconds")

    def send(self, task: Task, identifier: str) -> None:
        """Put a message on its queue, as the service does."""
        app = make_celery_app(
            self.stack.environment["LIMIT_AUDIT_BROKER_URL"], visibility_timeout_seconds=30 * 24 * 3600
        )
        make_sender(app)(task, UUID(identifier))
        app.close()

    # What is done to it

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a part and to all its children."""
        os.killpg(self.stack.find_part(part).process.pid, number)

    def kill_and_restart(self, part: str) -> None:
        """Kill a part outright and start it anew."""
        self.kill(part)
        self.stack.restart(part)

    def child(self, part: str) -> psutil.Process:
        """Return the process that does a worker's work."""

        def found() -> psutil.Process | None:
            children = psutil.Process(self.stack.find_part(part).process.pid).children()
            return children[-1] if children else None

        return self.until(found, f"a child of {part}")

    @contextmanager
    def another_training_worker(self) -> Iterator[None]:
        """Run a second training worker for a while."""
        part = self.stack.find_part("worker-train")
        command = [word.replace("train@", "train2@") for word in part.command]
        log = part.log.with_name("worker-train-2.log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, env=part.environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            self.until(lambda: "ready." in log.read_text() or None, "a second worker")
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.unlink()

    @contextmanager
    def redis(self) -> Iterator[Redis]:
        """Yield a client of the broker."""
        url = self.stack.environment["LIMIT_AUDIT_BROKER_URL"].replace("redis+socket://", "unix://")
        with Redis.from_url(url) as client:
            yield client

    def restart_postgres(self) -> None:
        """Stop PostgreSQL as a crash would and start it again."""
        with self.without_postgres():
            pass

    @contextmanager
    def without_postgres(self) -> Iterator[None]:
        """Keep PostgreSQL stopped for a while."""
        process = self.stack.find_part("postgres").process
        process.send_signal(signal.SIGQUIT)
        process.wait()
        try:
            yield
        finally:
            self.stack.restart("postgres")
            self.until_healthy()

    @contextmanager
    def training_worker(self, module: str = "worker.processes.gpu", **environment: str) -> Iterator[None]:
        """Run the training worker with another module, or with other settings, for a while."""
        part = self.stack.find_part("worker-train")
        command, before = part.command, part.environment
        part.command = [module if word == "worker.processes.gpu" else word for word in command]
        part.environment = {**before, **environment}
        self.stack.restart("worker-train")
        try:
            yield
        finally:
            part.command, part.environment = command, before
            self.stack.restart("worker-train")

    def until_healthy(self) -> None:
        """Wait until the service says that it is ready."""

        def ready() -> bool | None:
            try:
                answer = httpx.get(f"{self.stack.url}/v1/health/ready", trust_env=False)
            except httpx.HTTPError:
                return None
            return answer.is_success or None

        self.until(ready, "a ready service")

    @contextmanager
    def locked(self, table: str) -> Iterator[Connection]:
        """Keep everybody else from writing to a table."""
        with self.engine.begin() as connection:
            connection.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
            yield connection

    def until_waiting_for(self, table: str) -> None:
        """Wait until somebody waits for a lock on a table."""
        query = text(
            "SELECT true FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " WHERE relname = :table AND NOT granted LIMIT 1"
        )

        def waits() -> bool | None:
            with self.engine.connect() as connection:
                return bool(connection.scalar(query, {"table": table})) or None

        self.until(waits, f"somebody waiting for {table}")

    def execute(self, statement: str, **values: object) -> None:
        """Run a statement behind the service's back."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def scalar(self, query: str, **values: object) -> Any:  # noqa: ANN401 - whatever the query returns
        """Return a query's single value."""
        with self.engine.connect() as connection:
            return connection.scalar(text(query), values)

    @property
    def files(self) -> Path:
        """Return the folder of all files."""
        return Path(self.stack.environment["LIMIT_AUDIT_STORAGE_DIR"])

    # What must hold

    def heal(self) -> None:
        """Start whatever a case has left stopped."""
        for name in PARTS:
            if self.stack.find_part(name).process.poll() is not None:
                self.stack.restart(name)
        self.until_healthy()

    def succeeded(self, audit: str) -> Json:
        """Check that an audit has succeeded, once, with the numbers of one that nothing disturbed."""
        answer = self.until_ended(audit)
        assert answer["status"] == "succeeded", f"{answer['status']}: {answer['error']}"
        samples = self.scalar("SELECT sample_count FROM datasets WHERE id = :id", id=self.dataset)
        counts = self.scalar(
            "SELECT ARRAY[count(*), count(DISTINCT position), count(DISTINCT rank)] FROM scores"
            " WHERE audit_id = :id",
            id=audit,
        )
        assert counts == [samples] * 3, f"{counts} scores of {samples} samples"
        epochs = self.scalar(
            "SELECT array_agg(epoch ORDER BY epoch) FROM run_epochs JOIN runs ON runs.id = run_id"
            " WHERE audit_id = :id",
            id=audit,
        )
        assert epochs == [*range(1, len(epochs) + 1)], f"epochs {epochs}"
        found = self.ranking_digest(audit)
        assert self.undisturbed in {"", found}, "the ranking differs from that of an undisturbed audit"
        return answer

    def ranking_digest(self, audit: str) -> str:
        """Return the SHA-256 of an audit's ranking."""
        url = f"{self.stack.url}/v1/audits/{audit}/ranking.csv"
        answer = httpx.get(url, trust_env=False, timeout=patience.scale(30)).raise_for_status()
        return hashlib.sha256(answer.content).hexdigest()


def write_small_zip(path: Path) -> Path:
    """Write 120 small pictures in three class folders; every tenth lies in a wrong one."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(120):
            label = number % 3
            pixels = rng.integers(0, 60, (8, 8), dtype=np.uint8)
            pixels[2 * label : 2 * label + 3] += 150
            folder = (label + 1) % 3 if number % 10 == 0 else label
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            archive.writestr(f"{folder}/{number:03}.png", buffer.getvalue())
    return path


def write_small_csv(path: Path) -> Path:
    """Write a table of four clusters in which every tenth label is wrong."""
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 4
    values = rng.normal(0, 1, (240, 6)) + 3 * np.eye(4, 6)[labels]
    given = np.where(np.arange(240) % 10 == 0, (labels + 1) % 4, labels)
    lines = [
        ",".join(f"{value:.6f}" for value in row) + f",{label}"
        for row, label in zip(values, given, strict=True)
    ]
    path.write_text("\n".join(["a,b,c,d,e,f,label", *lines]) + "\n", encoding="utf-8")
    return path


def write_large_csv(path: Path, *, rows: int = 60_000) -> Path:
    """Write a table that takes a while to be read."""
    rng = np.random.default_rng(0)
    values = rng.random((rows, 20))
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(f"f{n}" for n in range(20)) + ",label\n")
        for number, row in enumerate(values):
            file.write(",".join(f"{value:.6f}" for value in row) + f",{number % 4}\n")
    return path


def create_service_engine(stack: LocalStack) -> Engine:
    """Return connections to the service's own database."""
    return create_engine(stack.environment["LIMIT_AUDIT_DATABASE_URL"], pool_pre_ping=True)
