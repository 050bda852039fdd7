"""An audit followed by server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import pytest
from fastapi.security import HTTPAuthorizationCredentials
from fastapi.testclient import TestClient
from sqlalchemy import delete, select
from starlette.requests import Request

from app.access import browser_sessions, keys
from app.audits import audit_service
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.audits import event_routes
from app.routes.shared.callers import provide_admission
from app.tables import Audit, AuditStatus, Run, RunEpoch, Scope
from tests.builders.stored_rows import store_audit, store_ready_dataset

Event = tuple[str, str, dict[str, object]]


@pytest.fixture
def audit(database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Audit:
    monkeypatch.setattr(event_routes, "POLL_SECONDS", 0.01)
    return store_audit(database, store_ready_dataset(database, storage))


def add_epoch(database: Database, audit_id: UUID, epoch: int) -> None:
    with database.transaction() as session:
        run_id = session.scalars(select(Run.id).where(Run.audit_id == audit_id)).one()
        session.add(RunEpoch(run_id=run_id, epoch=epoch, seconds=1, learning_rate=0.1, accuracy=epoch / 10))


def end(database: Database, audit_id: UUID, status: AuditStatus = AuditStatus.SUCCEEDED) -> None:
    with database.transaction() as session:
        audit_service.change_status(session, audit_id, status)


def read(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


def stream(api: TestClient, audit_id: UUID, **headers: str) -> list[Event]:
    with api.stream("GET", f"/v1/audits/{audit_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        return list(read(answer.iter_lines()))


def test_a_finished_audit_sends_its_epochs_and_its_end(
    api: TestClient, database: Database, audit: Audit
) -> None:
    add_epoch(database, audit.id, 1)
    add_epoch(database, audit.id, 2)
    end(database, audit.id)
    found = stream(api, audit.id)
    assert [(name, identifier) for name, identifier, _ in found] == [
        ("epoch", "0:1"),
        ("epoch", "0:2"),
        ("end", "0:2"),
    ]
    assert found[1][2]["accuracy"] == pytest.approx(0.2)
    assert found[2][2] == api.get(f"/v1/audits/{audit.id}").json()


def test_a_broken_stream_goes_on_where_it_ended(api: TestClient, database: Database, audit: Audit) -> None:
    add_epoch(database, audit.id, 1)
    add_epoch(database, audit.id, 2)
    end(database, audit.id)
    assert [event[:2] for event in stream(api, audit.id, **{"Last-Event-ID": "0:1"})] == [
        ("epoch", "0:2"),
        ("end", "0:2"),
    ]
    assert len(stream(api, audit.id, **{"Last-Event-ID": "no id of ours"})) == 3


def test_changes_arrive_while_the_audit_runs(
    database: Database, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def turn(_: float) -> None:
        """Stand in for the pause: something happens between two looks."""
        seen.append(len(seen))
        if len(seen) == 1:
            add_epoch(database, audit.id, 1)
        elif len(seen) == 2:
            end(database, audit.id, AuditStatus.CANCELLED)

    monkeypatch.setattr(asyncio, "sleep", turn)
    lines = "".join(collect(event_routes.follow(database, audit.id, {})))
    assert [event[:2] for event in read(iter(lines.split("\n")))] == [
        ("audit", "0:0"),
        ("epoch", "0:1"),
        ("end", "0:1"),
    ]


def test_a_silent_stream_says_that_it_lives_and_ends_in_time(
    database: Database, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_routes, "KEEPALIVE_SECONDS", 0)
    monkeypatch.setattr(event_routes, "STREAM_SECONDS", 0.2)
    blocks = collect(event_routes.follow(database, audit.id, {}))
    assert blocks[0].startswith("id: 0:0\nevent: audit\n")
    assert set(blocks[1:]) == {": still here\n\n"}


def test_a_stream_of_an_audit_that_is_deleted_ends(
    database: Database, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def turn(_: float) -> None:
        with database.transaction() as session:
            session.execute(delete(Audit).where(Audit.id == audit.id))

    monkeypatch.setattr(asyncio, "sleep", turn)
    assert len(collect(event_routes.follow(database, audit.id, {}))) == 1


def test_a_stream_ends_with_its_key_and_with_the_logout(
    database: Database, audit: Audit, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        key, secret = keys.create(session, name="reader", scope=Scope.READ, expires_at=None)
        _, cookie = browser_sessions.log_in(session, secret, hours=1)
    settings = chosen.model_copy(update={"authentication": "keys"})
    with_cookie = Request(
        {"type": "http", "headers": [(b"cookie", f"{browser_sessions.COOKIE}={cookie}".encode())]}
    )
    bearer = HTTPAuthorizationCredentials(scheme="Bearer", credentials=secret)
    with_key = asyncio.run(provide_admission(Request({"type": "http", "headers": []}), settings, bearer))
    with_login = asyncio.run(provide_admission(with_cookie, settings, None))
    looks: list[int] = []

    async def turn(_: float) -> None:
        """Stand in for the pause: at the second look the browser logs out, at the fourth the key ends."""
        looks.append(len(looks))
        with database.transaction() as session:
            if len(looks) == 2:
                browser_sessions.log_out(session, cookie)
            if len(looks) == 4:
                keys.revoke(session, key.id)

    monkeypatch.setattr(asyncio, "sleep", turn)
    collect(event_routes.follow(database, audit.id, {}, is_admitted=with_login))
    assert len(looks) == 2
    collect(event_routes.follow(database, audit.id, {}, is_admitted=with_key))
    assert len(looks) == 4


def collect(blocks: AsyncIterator[str]) -> list[str]:
    async def taken() -> list[str]:
        return [block async for block in blocks]

    return asyncio.run(taken())


def test_events_of_an_unknown_audit_are_a_problem_document(api: TestClient) -> None:
    answer = api.get(f"/v1/audits/{uuid4()}/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
