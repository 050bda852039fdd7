"""The heartbeat of a job: a thread that renews the lease, writes progress and notices cancellation."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.infra import leases
from app.infra.database import Database
from app.infra.leases import Work
from app.infra.settings import Settings
from app.tables import Json
from worker.jobs.celery_app import stopping

log = structlog.get_logger()


class Interrupted(Exception):
    """The job must end."""


class Cancelled(Interrupted):
    """A user cancelled the audit."""


class LeaseLost(Interrupted):
    """Another worker may hold the lease: write nothing more."""


class WorkerStopping(Interrupted):
    """This worker is stopping: another one continues from the last checkpoint."""


class Heartbeat(Generic[Work]):
    """Keeps the lease of one claimed row while the caller works; `check` raises when the job must end."""

    def __init__(
        self,
        database: Database,
        table: type[Work],
        identifier: UUID,
        attempt: int,
        *,
        settings: Settings,
        is_cancelled: Callable[[Session], bool] = lambda _: False,
    ) -> None:
        self.progress: Json | None = None
        self._database, self._id, self._attempt = database, identifier, attempt
        self._table: type[Work] = table
        self._settings, self._is_cancelled = settings, is_cancelled
        self._interruption: type[Interrupted] | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Raise Cancelled, LeaseLost or WorkerStopping if the job must end."""
        if self._interruption is not None:
            raise self._interruption
        if stopping.is_set():
            raise WorkerStopping

    def renew(self) -> None:
        """Renew the lease now, before a step that only its holder may do; raise as `check` does."""
        self._interruption = self._interruption or self._renew()
        self.check()

    def _beat(self) -> None:
        while not self._done.wait(self._settings.heartbeat_seconds) and self._interruption is None:
            try:
                self._interruption = self._renew()
            except SQLAlchemyError as error:
                # A short outage is shorter than the lease; otherwise the next renewal returns LeaseLost.
                log.warning("heartbeat failed", id=str(self._id), error=str(error))

    def _renew(self) -> type[Interrupted] | None:
        values = {} if self.progress is None else {"progress": self.progress}
        with self._database.transaction() as session:
            held = leases.renew_lease(
                session,
                self._table,
                self._id,
                self._attempt,
                lease_seconds=self._settings.lease_seconds,
                **values,
            )
            if not held:
                return LeaseLost
            return Cancelled if self._is_cancelled(session) else None
