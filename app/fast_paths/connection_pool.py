"""Pooled connections are tested before use, but only if idle or readable.

Reason: SQLAlchemy's own pre-ping queries PostgreSQL before every use, one of three round trips of a page of
suspects. Measured: two round trips per page instead of three (docs/speed.md, "Pages"). Remove
when pages are no longer bound by the API's CPU; `pool_pre_ping=True` does the same.
"""

import select
import time
from functools import partial
from typing import cast

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

USED_AT = "used_at"
TRUSTED_SECONDS = 1.0


def test_before_use(engine: Engine) -> None:
    """Make an engine's pool replace its connections when one is broken.

    A connection is pinged if it was idle for more than a second, or if its socket has unread bytes:
    PostgreSQL sends a message when it shuts down, and the network a reset when a host restarts.
    """
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_test_connection, engine))


def _note_use(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[USED_AT] = time.monotonic()


def _test_connection(engine: Engine, opened: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
    used_at = entry.info.get(USED_AT)
    if used_at is None:  # just opened for this use
        return
    connection = cast("psycopg.Connection", opened)
    try:
        if time.monotonic() - used_at > TRUSTED_SECONDS or _has_unread_bytes(connection):
            engine.dialect.do_ping(opened)
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def _has_unread_bytes(connection: psycopg.Connection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
