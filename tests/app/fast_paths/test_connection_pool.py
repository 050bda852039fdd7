"""A connection that died in the pool is noticed before it is used, at little cost to those that did not."""

import pytest
from sqlalchemy import text

from app.fast_paths import connection_pool
from app.infra.database import Database


def backend(database: Database) -> int:
    with database.connect_for_reading() as connection:
        found: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        return found


@pytest.fixture
def pings(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the connections that are asked whether they live."""
    asked: list[object] = []
    ping = database.engine.dialect.do_ping

    def noted(connection: object) -> bool:
        asked.append(connection)
        return ping(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(database.engine.dialect, "do_ping", noted)
    return asked


def test_a_connection_used_a_moment_ago_is_not_asked(database: Database, pings: list[object]) -> None:
    assert backend(database) == backend(database)
    assert pings == []


def test_one_that_was_idle_for_long_is_asked(
    database: Database, pings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = backend(database)
    monkeypatch.setattr(connection_pool, "TRUSTED_SECONDS", 0)
    assert backend(database) == before
    assert len(pings) == 1


def test_one_whose_backend_ended_is_replaced_at_once(database: Database, pings: list[object]) -> None:
    with database.connect_for_reading() as one, database.connect_for_reading() as other:
        old = {each.execute(text("SELECT pg_backend_pid()")).scalar_one() for each in (one, other)}
    with database.engine.connect() as connection:
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        for process in old - {own}:
            connection.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})
    with database.connect_for_reading() as one, database.connect_for_reading() as other:
        new = {each.execute(text("SELECT pg_backend_pid()")).scalar_one() for each in (one, other)}
    assert len(new) == 2
    assert not new & (old - {own})
    assert pings
