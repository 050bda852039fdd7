"""Connections that waited in a pool are tried before they are used, where there is reason to.

Reason: SQLAlchemy's own pre-ping asks PostgreSQL before every use, a third of all that a page of suspects
asks of it. Measured: two questions to PostgreSQL a page instead of three (docs/speed.md, "Pages"). Remove
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
    """Have the pool of an engine replace its connections once one turns out to be broken.

    It is asked something if it was idle for longer than a second, or if its socket has something to say
    unasked: PostgreSQL says goodbye when it ends, and so does the network when a host is restarted.
    """
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_test_connection, engine))


def _note_use(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[USED_AT] = time.monotonic()


def _test_connection(engine: Engine, opened: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
    used_at = entry.info.get(USED_AT)
    if used_at is None:  # it was opened for this very use
        return
    connection = cast("psycopg.Connection", opened)
    try:
        if time.monotonic() - used_at > TRUSTED_SECONDS or _has_unread_bytes(connection):
            engine.dialect.do_ping(opened)
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def _has_unread_bytes(connection: psycopg.Connection) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
