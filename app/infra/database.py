"""The unit of work: the only place that commits and that sends the messages of a transaction."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Self
from uuid import UUID

import psycopg
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError  # noqa: A004 - the pool's own
from sqlalchemy.orm import Session, sessionmaker

from app.fast_paths import connection_pool
from app.infra import queue, workspace_scope
from app.infra.settings import get_settings

OUTBOX = "outbox"


# Raised by an outage, a shutdown, a lock timeout or a pool without a free connection.
# The last two are the driver's own, from statements that bypass SQLAlchemy.
UNAVAILABLE = (
    InterfaceError,
    OperationalError,
    TimeoutError,
    psycopg.InterfaceError,
    psycopg.OperationalError,
)
# With these, a host that disappears is noticed within a minute; the system's defaults take hours.
CONNECT_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}
POOL_SECONDS = 10


class Database:
    """A pool of connections, and the function that sends messages."""

    def __init__(
        self, url: str, send: queue.Send, *, pool_size: int = 20, limits: Mapping[str, str] | None = None
    ) -> None:
        """Open a pool; `limits` are PostgreSQL parameters of its sessions."""
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,  # an overflow connection would be opened and closed for one request
            pool_timeout=POOL_SECONDS,
            connect_args=CONNECT_OPTIONS | _build_options(url, limits or {}),
        )
        connection_pool.test_before_use(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        workspace_scope.confine_sessions(self._sessions)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._send = send
        self.workspace_id: UUID | None = None

    def confine(self, workspace_id: UUID) -> Self:
        """Return this database restricted to one workspace."""
        confined = copy.copy(self)
        confined.workspace_id = workspace_id
        return confined

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit at the end, then send the outbox; on an error roll back and send nothing."""
        with self._sessions(info={workspace_scope.WORKSPACE: self.workspace_id}) as session:
            with session.begin():
                yield session
            for task, identifier, queue_name in session.info.pop(OUTBOX, []):
                self._send(task, identifier, queue_name)

    @contextmanager
    def connect_for_reading(self) -> Iterator[Connection]:
        """Yield a connection in autocommit mode, for reading only.

        It is not restricted to a workspace: its statements must filter by workspace themselves.
        """
        with self._reading.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()


def send_after_commit(
    session: Session, task: queue.Task, identifier: UUID, queue_name: str | None = None
) -> None:
    """Send a message after the session's commit, to this queue or else to the task's own."""
    session.info.setdefault(OUTBOX, []).append((task, identifier, queue_name))


def _build_options(url: str, limits: Mapping[str, str]) -> dict[str, str]:
    """Return the connection's options: those of the URL and the limits."""
    url_options = str(make_url(url).query.get("options", ""))
    options = " ".join([url_options, *(f"-c {name}={value}" for name, value in limits.items())]).strip()
    return {"options": options} if options else {}


@lru_cache(maxsize=1)
def get_database() -> Database:
    """Return the database of a worker or a command; its transactions have no time limit."""
    return _open_database({})


@lru_cache(maxsize=1)
def get_serving_database() -> Database:
    """Return the API's database; its statements and locks have time limits."""
    chosen = get_settings()
    seconds = {
        "lock_timeout": chosen.request_lock_seconds,
        "statement_timeout": chosen.request_statement_seconds,
        "idle_in_transaction_session_timeout": chosen.request_idle_seconds,
    }
    return _open_database({name: f"{round(1000 * value)}ms" for name, value in seconds.items()})


def _open_database(limits: Mapping[str, str]) -> Database:
    chosen = get_settings()
    celery = queue.make_celery_app(
        chosen.broker_url, visibility_timeout_seconds=chosen.visibility_timeout_seconds
    )
    return Database(chosen.database_url, queue.make_sender(celery), limits=limits)
