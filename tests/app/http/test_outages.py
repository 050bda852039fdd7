"""Without its database the service says so, on every route; behind its tables it says what to do."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from app.infra.database import Database, _build_options
from app.infra.schema_upgrade import _list_revisions
from app.routes.audits import event_routes
from app.routes.shared.callers import provide_database
from tests.app.access.test_access import PUBLIC, House, every_route, house

__all__ = ["house"]
NEED_NO_DATABASE = PUBLIC - {("POST", "/logout"), ("POST", "/login"), ("GET", "/v1/health/ready")}
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"


@pytest.fixture
def gone(house: House) -> Iterator[House]:
    """Take the database away from a service that has one of everything."""
    away = Database(NOWHERE, lambda *_: None)
    house.api.app.dependency_overrides[provide_database] = lambda: away  # type: ignore[attr-defined]
    yield house
    away.dispose()


def test_every_route_answers_503_with_a_time_to_come_back(gone: House) -> None:
    routes = [route for route in every_route() if route not in NEED_NO_DATABASE]
    assert len(routes) > 60
    for route in routes:
        if route[1] in {"/login", "/logout"}:
            answer = gone.api.post(route[1], data={"key": "la_x"}, headers={"Origin": "http://127.0.0.1"})
        else:
            answer = gone.ask(route, "admin")
        assert answer.status_code == 503, (route, answer.text)
        if route[1] == "/v1/health/ready":
            assert answer.json()["checks"]["database"] == "OperationalError"
            continue
        assert answer.headers["retry-after"] == "5", route
        is_page = not route[1].startswith(("/v1", "/metrics", "/log"))
        kind = "text/html; charset=utf-8" if is_page else "application/problem+json"
        assert answer.headers["content-type"] == kind, route
        if not is_page and route[0] != "HEAD":
            assert answer.json()["code"] == "unavailable"


def test_a_request_that_is_to_be_done_once_can_be_repeated_after_an_outage(gone: House) -> None:
    headers = {"Authorization": f"Bearer {gone.keys['write']}", "Idempotency-Key": "7f2c"}
    refused = gone.api.post("/v1/datasets", json={"name": "once"}, headers=headers)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("path", ["suspects", "samples/0"])
def test_a_statement_that_is_cut_off_answers_503(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    execute = psycopg.Connection.execute

    def cut_off(connection: Any, query: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        execute(connection, "SELECT pg_terminate_backend(pg_backend_pid())")
        return execute(connection, query, *rest, **named)

    url = f"/v1/audits/{house.ids['audit']}/{path}"
    headers = {"Authorization": f"Bearer {house.keys['read']}"}
    assert house.api.get(url, headers=headers).status_code == 200
    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", cut_off)
        refused = house.api.get(url, headers=headers)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert house.api.get(url, headers=headers).status_code == 200


def test_what_needs_no_database_answers_without_one(gone: House) -> None:
    for path in ("/v1/health/live", "/login", "/openapi.json"):
        assert gone.api.get(path).status_code == 200


def test_events_go_on_after_an_outage(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    look, fails = event_routes._read_state, iter([False, True])  # noqa: SLF001

    def failing(*arguments: object) -> object:
        if next(fails, False):
            raise OperationalError("SELECT 1", None, Exception("the server closed the connection"))
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(event_routes, "_read_state", failing)
    monkeypatch.setattr(event_routes, "POLL_SECONDS", 0.01)
    told = house.ask(("GET", "/v1/audits/{audit_id}/events"), "read").text
    assert "event: end" in told


@pytest.mark.parametrize(
    ("found", "said"),
    [("0001", "have revision 0001"), ("9999", "ok"), (None, "has no tables")],
)
def test_readiness_knows_tables_that_are_too_old(
    api: TestClient, migrated_url: str, found: str | None, said: str
) -> None:
    engine = create_engine(migrated_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE old"))
    url = make_url(migrated_url).set(database="old")
    old = Database(url.render_as_string(hide_password=False), lambda *_: None)
    try:
        if found is not None:
            with old.engine.begin() as connection:
                connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
                connection.execute(text("INSERT INTO alembic_version VALUES (:found)"), {"found": found})
        api.app.dependency_overrides[provide_database] = lambda: old  # type: ignore[attr-defined]
        checks = api.get("/v1/health/ready").json()["checks"]
        assert said in checks["migrations"]
        assert checks["database"] == "ok"
    finally:
        old.dispose()
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE old"))
        engine.dispose()
    assert _list_revisions()[0] == "0001"


def test_a_requests_session_has_limits(migrated_url: str) -> None:
    limited = Database(migrated_url, lambda *_: None, limits={"lock_timeout": "50ms"})
    with limited.transaction() as session:
        session.execute(text("LOCK TABLE totals IN EXCLUSIVE MODE"))
        with pytest.raises(OperationalError), limited.transaction() as other:
            other.execute(text("LOCK TABLE totals IN EXCLUSIVE MODE"))
    limited.dispose()
    assert _build_options("postgresql://h/d?options=-c%20a=b", {"c": "d"}) == {"options": "-c a=b -c c=d"}
