"""A browser's cookie: made from a key, useless with it, and never for another site's page."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import structlog
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from app.access import keys
from app.access.browser_sessions import COOKIE
from app.infra.database import Database
from app.infra.settings import Settings
from app.routes.service.login_routes import restrict_to_local
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import Login, Scope

HERE = {"Origin": "http://127.0.0.1"}


@pytest.fixture
def key(database: Database) -> tuple[UUID, str]:
    with database.transaction() as session:
        made, secret = keys.create(session, name="person", scope=Scope.WRITE, expires_at=None)
    return made.id, secret


@pytest.fixture
def browser(api: TestClient, chosen: Settings, key: tuple[UUID, str]) -> TestClient:
    with_keys = chosen.model_copy(update={"authentication": "keys"})
    api.app.dependency_overrides[get_settings] = lambda: with_keys  # type: ignore[attr-defined]
    api.follow_redirects = False
    answer = api.post("/login", data={"key": key[1], "next": "/v1/datasets?limit=5"}, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/v1/datasets?limit=5")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    return api


def test_the_cookie_opens_what_its_key_opens(browser: TestClient) -> None:
    assert browser.get("/v1/datasets").status_code == 200
    assert browser.post("/v1/datasets", json={"name": "a"}, headers=HERE).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Origin": "ftp://127.0.0.1"},
        {"Origin": "//127.0.0.1"},
        {"Origin": "http://[127.0.0.1"},
        {**HERE, "Sec-Fetch-Site": "cross-site"},
        {**HERE, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_changes_nothing(browser: TestClient, headers: dict[str, str]) -> None:
    for path in ("/v1/datasets", "/login", "/logout"):
        assert browser.post(path, json={"name": "a"}, headers=headers).status_code == 403
    assert browser.get("/v1/datasets").json()["items"] == []


def test_a_bearer_key_needs_no_origin(browser: TestClient, key: tuple[UUID, str]) -> None:
    headers = {"Authorization": f"Bearer {key[1]}"}
    assert browser.post("/v1/datasets", json={"name": "a"}, headers=headers).status_code == 201


def test_logging_out_makes_the_cookie_useless_even_to_a_thief(browser: TestClient) -> None:
    stolen = browser.cookies[COOKIE]
    assert browser.post("/logout", headers=HERE).headers["location"] == "/"
    assert COOKIE not in browser.cookies
    browser.cookies.set(COOKIE, stolen)
    assert browser.get("/v1/datasets").status_code == 401


def test_the_cookie_dies_with_its_key(browser: TestClient, database: Database, key: tuple[UUID, str]) -> None:
    with database.transaction() as session:
        keys.revoke(session, key[0])
    assert browser.get("/v1/datasets").status_code == 401


def test_the_cookie_expires_and_is_cleared_away(
    browser: TestClient, database: Database, key: tuple[UUID, str]
) -> None:
    with database.transaction() as session:
        session.execute(update(Login).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert browser.get("/v1/datasets").status_code == 401
    browser.post("/login", data={"key": key[1]}, headers=HERE)
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Login)) == 1


def test_the_database_holds_no_cookie(browser: TestClient, database: Database) -> None:
    with database.transaction() as session:
        assert session.scalars(select(Login.hash)).one() != browser.cookies[COOKIE].encode()


def test_a_wrong_key_logs_nobody_in(browser: TestClient) -> None:
    browser.cookies.clear()
    answer = browser.post("/login", data={"key": "la_wrong"}, headers=HERE)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_logins_from_one_address_are_limited(browser: TestClient, key: tuple[UUID, str]) -> None:
    answers = [browser.post("/login", data={"key": "la_wrong"}, headers=HERE) for _ in range(30)]
    assert {answer.status_code for answer in answers[:10]} == {401}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert browser.post("/login", data={"key": key[1]}, headers=HERE).status_code == 429
    headers = {"Authorization": f"Bearer {key[1]}"}
    assert browser.get("/v1/datasets", headers=headers).status_code == 200


def test_a_refused_login_is_logged(browser: TestClient) -> None:
    with structlog.testing.capture_logs() as logs:
        browser.post("/login", data={"key": "la_wrong"}, headers=HERE)
    (found,) = [entry for entry in logs if entry["event"] == "login refused"]
    assert found["client"] == "testclient" or found["client"].startswith("127.")


@pytest.mark.parametrize("body", [b"key=%ff%fe\xff", b"&".join([b"a=1"] * 11)])
def test_a_body_that_is_no_form_is_refused(browser: TestClient, body: bytes) -> None:
    assert browser.post("/login", content=body, headers=HERE).status_code == 422


def test_over_tls_the_cookie_is_secure(browser: TestClient, key: tuple[UUID, str]) -> None:
    tls = TestClient(browser.app, base_url="https://audit.example", follow_redirects=False)
    answer = tls.post("/login", data={"key": key[1]}, headers={"Origin": "https://audit.example"})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "x", "", "/é"]
)
def test_the_login_leads_nowhere_else(path: str) -> None:
    assert restrict_to_local(path) == "/"
