"""The unit of work: the one place that commits, and that sends what was promised inside a transaction."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Self
from uuid import UUID

from sqlalchemy import Connection, create_engine
from sqlalchemy.orm import Session, sessionmaker

from app import queue, workspaces
from app.settings import settings

OUTBOX = "outbox"


class Database:
    """A pool of connections and the way messages leave."""

    def __init__(self, url: str, send: queue.Send, *, pool_size: int = 10) -> None:
        self.engine = create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        workspaces.confine(self._sessions)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._send = send
        self.workspace_id: UUID | None = None

    def confined(self, workspace_id: UUID) -> Self:
        """Return this database as one workspace may see it."""
        seen = copy.copy(self)
        seen.workspace_id = workspace_id
        return seen

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit at the end and then send the outbox; on an error roll back and send nothing."""
        with self._sessions(info={workspaces.WORKSPACE: self.workspace_id}) as session:
            with session.begin():
                yield session
            for task, identifier in session.info.pop(OUTBOX, []):
                self._send(task, identifier)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection on which every statement is a transaction of its own, for what only reads.

        It is confined to no workspace, so that its statements have to name theirs.
        """
        with self._reading.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()


def send_after_commit(session: Session, task: queue.Task, identifier: UUID) -> None:
    """Promise a message: it is sent once the transaction that holds its row is committed."""
    session.info.setdefault(OUTBOX, []).append((task, identifier))


@lru_cache(maxsize=1)
def database() -> Database:
    """Return this process's database."""
    chosen = settings()
    celery = queue.celery_app(chosen.broker_url, visibility_timeout_seconds=chosen.visibility_timeout_seconds)
    return Database(chosen.database_url, queue.sender(celery))
