"""Retries during outages that end by themselves: a full disk, a database that restarts."""

import errno
from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

import psycopg
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from worker.jobs.heartbeat import Heartbeat

log = structlog.get_logger()
Result = TypeVar("Result")
PAUSE_SECONDS = 1.0
DATABASE_DOWN = (InterfaceError, OperationalError, psycopg.InterfaceError, psycopg.OperationalError)
"""SQLAlchemy's errors, and those of a COPY, which goes past it, as where the disk of the tables is full."""
DISK_FULL = "the disk is full; the job continues when there is space"


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error is of a full disk; NumPy's has only a text, torch hides it behind its own."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return any(isinstance(each, OSError) and _is_for_space(each) for each in causes)


def _is_for_space(error: OSError) -> bool:
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or " requested and " in str(error)


def retry_during_outage(act: Callable[[], Result], heartbeat: Heartbeat[Any]) -> Result:
    """Return what `act` returns; retry it while the disk is full or the database is unreachable.

    `act` must be idempotent. The heartbeat's interruptions are raised.
    """
    while True:
        try:
            return act()
        except DATABASE_DOWN as error:
            reason = f"the database cannot be reached: {error}"
        except Exception as error:
            if not is_disk_full(error):
                raise
            reason = DISK_FULL
        log.warning("waiting", reason=reason)
        heartbeat.progress = {**(heartbeat.progress or {}), "waiting": reason}
        heartbeat.check()
        Event().wait(PAUSE_SECONDS)
        heartbeat.check()
