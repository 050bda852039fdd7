"""Requests that are repeated with their Idempotency-Key are done once."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from app.http import idempotency
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.storage import Storage
from app.routes.shared.dependencies import open_session
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.tables import Audit, Dataset, IdempotentAnswer, Upload
from tests.builders.stored_rows import store_ready_dataset

KEY = {"Idempotency-Key": "6f5e0c5e-1"}


def count(database: Database, table: type[object]) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_repeated_request_gets_the_first_answer_and_does_nothing(
    api: TestClient, database: Database
) -> None:
    first = api.post("/v1/datasets", json={"name": "a"}, headers=KEY)
    again = api.post("/v1/datasets", json={"name": "a"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert count(database, Dataset) == 1


def test_a_repeated_audit_is_sent_to_a_worker_once(
    api: TestClient, database: Database, storage: Storage, sent: list[tuple[Task, UUID]]
) -> None:
    body = {"dataset_id": str(store_ready_dataset(database, storage).id)}
    answers = [api.post("/v1/audits", json=body, headers=KEY).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert (count(database, Audit), len(sent)) == (1, 1)


def test_a_key_is_for_one_request(api: TestClient, database: Database) -> None:
    api.post("/v1/datasets", json={"name": "a"}, headers=KEY)
    other = api.post("/v1/datasets", json={"name": "b"}, headers=KEY)
    assert other.status_code == 422
    assert "used for another request" in other.json()["detail"]
    assert api.post("/v1/datasets", json={"name": "b"}, headers={"Idempotency-Key": "2"}).status_code == 201
    assert count(database, Dataset) == 2


def test_what_was_refused_may_be_tried_again(api: TestClient, database: Database, storage: Storage) -> None:
    dataset = store_ready_dataset(database, storage)
    with database.transaction() as session:
        session.execute(update(Dataset).values(status="ingesting"))
    body = {"dataset_id": str(dataset.id)}
    assert api.post("/v1/audits", json=body, headers=KEY).status_code == 409
    assert api.post("/v1/audits", json={"dataset_id": 7}, headers=KEY).status_code == 422
    with database.transaction() as session:
        session.execute(update(Dataset).values(status="ready"))
    assert api.post("/v1/audits", json=body, headers=KEY).status_code == 202
    assert count(database, Audit) == 1


def test_resumable_uploads_begin_once(api: TestClient, database: Database) -> None:
    dataset_id = api.post("/v1/datasets", json={"name": "a"}).json()["id"]
    headers = KEY | {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "filename YS56aXA="}
    first = api.post(f"/v1/datasets/{dataset_id}/uploads", headers=headers)
    again = api.post(f"/v1/datasets/{dataset_id}/uploads", headers=headers)
    assert first.headers["location"] == again.headers["location"]
    assert count(database, Upload) == 1
    longer = api.post(f"/v1/datasets/{dataset_id}/uploads", headers=headers | {"Upload-Length": "6"})
    assert longer.status_code == 422


def test_at_the_same_time_one_of_them_works_and_all_get_its_answer(
    api: TestClient, database: Database
) -> None:
    answers: list[str] = []

    def ask() -> None:
        answers.append(api.post("/v1/datasets", json={"name": "a"}, headers=KEY).json()["id"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert count(database, Dataset) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
def test_odd_keys_are_refused(api: TestClient, key: str) -> None:
    answer = api.post("/v1/datasets", json={"name": "a"}, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 422


def test_old_answers_are_forgotten(api: TestClient, database: Database) -> None:
    api.post("/v1/datasets", json={"name": "a"}, headers=KEY)
    with database.transaction() as session:
        assert idempotency.delete_old_answers(session, older_than_seconds=3600) == 0
    with database.transaction() as session:
        assert idempotency.delete_old_answers(session, older_than_seconds=-1) == 1
    assert count(database, IdempotentAnswer) == 0


def test_a_secret_is_forgotten_after_minutes(api: TestClient, database: Database) -> None:
    hook = {"url": "http://93.184.216.34/hook"}
    first = api.post("/v1/webhooks", json=hook, headers=KEY)
    with database.transaction() as session:
        idempotency.forget_secrets(session)
    assert api.post("/v1/webhooks", json=hook, headers=KEY).json() == first.json()
    with database.transaction() as session:
        ago = func.now() - timedelta(seconds=idempotency.SECRET_SECONDS + 1)
        session.execute(update(IdempotentAnswer).values(created_at=ago))
        idempotency.forget_secrets(session)
        assert session.scalars(select(IdempotentAnswer.body)).one() is None
    assert api.post("/v1/webhooks", json=hook, headers=KEY).json()["code"] == "gone"
    assert len(api.get("/v1/webhooks").json()) == 1


WITHOUT_KEY = {
    "/v1/audits/{audit_id}/record": "changes nothing",
    "/v1/datasets/{dataset_id}/sync": "compares for long, in no transaction; a repetition finds the version",
}


def test_every_post_of_the_api_can_be_repeated(api: TestClient) -> None:
    found = [
        context
        for context in iter_route_contexts(api.app.routes)  # type: ignore[attr-defined]
        if "POST" in (context.methods or ()) and (context.path or "").startswith("/v1/")
    ]
    assert len(found) >= 5
    for context in found:
        route = context.original_route
        if context.path in WITHOUT_KEY:
            assert not isinstance(route, IdempotentRoute), f"{context.path} would take a key and not keep it"
            continue
        assert isinstance(route, IdempotentRoute), f"{context.path} needs route_class=IdempotentRoute"
        calls = {dependency.call for dependency in route.dependant.dependencies}
        assert open_session in calls, f"{context.path} must work in the request's Session"
