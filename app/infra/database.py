"""The unit of work: the one place that commits, and that sends what was promised inside a transaction."""

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


# What an outage, a shutdown, a lock that is not given or a pool without a free connection is raised as.
# The last two are the driver's own, from statements that do not pass through SQLAlchemy.
UNAVAILABLE = (
    InterfaceError,
    OperationalError,
    TimeoutError,
    psycopg.InterfaceError,
    psycopg.OperationalError,
)
# A host that went away without a word is noticed within a minute, not after the system's hours.
NOTICING = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}
POOL_SECONDS = 10


class Database:
    """A pool of connections and the way messages leave."""

    def __init__(
        self, url: str, send: queue.Send, *, pool_size: int = 20, limits: Mapping[str, str] | None = None
    ) -> None:
        """Open a pool; `limits` are PostgreSQL's parameters of its sessions."""
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,  # those beyond the pool's size would be opened and closed for one request each
            pool_timeout=POOL_SECONDS,
            connect_args=NOTICING | _build_options(url, limits or {}),
        )
        connection_pool.test_before_use(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        workspace_scope.confine_sessions(self._sessions)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._send = send
        self.workspace_id: UUID | None = None

    def confine(self, workspace_id: UUID) -> Self:
        """Return this database as one workspace may see it."""
        seen = copy.copy(self)
        seen.workspace_id = workspace_id
        return seen

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit at the end and then send the outbox; on an error roll back and send nothing."""
        with self._sessions(info={workspace_scope.WORKSPACE: self.workspace_id}) as session:
            with session.begin():
                yield session
            for task, identifier, named in session.info.pop(OUTBOX, []):
                self._send(task, identifier, named)

    @contextmanager
    def connect_for_reading(self) -> Iterator[Connection]:
        """Yield a connection on which every statement is a transaction of its own, for what only reads.

        It is confined to no workspace, so that its statements have to name theirs.
        """
        with self._reading.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()


def send_after_commit(session: Session, task: queue.Task, identifier: UUID, named: str | None = None) -> None:
    """Promise a message: it is sent, to a queue if one is named, once its row's transaction is committed."""
    session.info.setdefault(OUTBOX, []).append((task, identifier, named))


def _build_options(url: str, limits: Mapping[str, str]) -> dict[str, str]:
    """Return the connection's options, those that the URL has and the limits."""
    given = str(make_url(url).query.get("options", ""))
    options = " ".join([given, *(f"-c {name}={value}" for name, value in limits.items())]).strip()
    return {"options": options} if options else {}


@lru_cache(maxsize=1)
def get_database() -> Database:
    """Return the database of a worker or a command, whose transactions may take as long as they need."""
    return _open_database({})


@lru_cache(maxsize=1)
def get_serving_database() -> Database:
    """Return the API's database, whose statements and locks do not keep a request waiting without end."""
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
