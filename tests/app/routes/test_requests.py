"""What every request meets: keys, loopback, errors as problem+json, limits, the description."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from app.access import activity_log, keys
from app.infra import instance_proof
from app.infra.database import Database
from app.infra.errors import NotFound
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import Scope
from tests.builders.stored_rows import store_ready_dataset

RAW = {"Content-Type": "application/json"}


def client_of(api: TestClient, *, host: str = "127.0.0.1", base_url: str = "http://127.0.0.1") -> TestClient:
    return TestClient(api.app, client=(host, 1), base_url=base_url)


@pytest.fixture
def guarded(api: TestClient, chosen: Settings) -> TestClient:
    with_keys = chosen.model_copy(update={"authentication": "keys"})
    api.app.dependency_overrides[get_settings] = lambda: with_keys  # type: ignore[attr-defined]
    return api


def headers(database: Database, scope: Scope, expires_at: datetime | None = None) -> dict[str, str]:
    with database.transaction() as session:
        _, secret = keys.create(session, name="test", scope=scope, expires_at=expires_at)
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_is_needed(guarded: TestClient) -> None:
    answer = guarded.get("/v1/datasets")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/v1/datasets", headers={"Authorization": "Bearer la_wrong"}).status_code == 401


def test_each_scope_includes_the_one_before(guarded: TestClient, database: Database) -> None:
    reading, writing = headers(database, Scope.READ), headers(database, Scope.WRITE)
    assert guarded.get("/v1/datasets", headers=reading).status_code == 200
    refused = guarded.post("/v1/datasets", json={"name": "a"}, headers=reading)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert guarded.post("/v1/datasets", json={"name": "a"}, headers=writing).status_code == 201
    assert guarded.get("/v1/datasets", headers=writing).status_code == 200


def test_expired_and_revoked_keys_are_useless(guarded: TestClient, database: Database) -> None:
    expired = headers(database, Scope.ADMIN, datetime.now(UTC) - timedelta(seconds=1))
    assert guarded.get("/v1/datasets", headers=expired).status_code == 401
    with database.transaction() as session:
        key, secret = keys.create(session, name="x", scope=Scope.ADMIN, expires_at=None)
        keys.revoke(session, key.id)
    assert guarded.get("/v1/datasets", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_revoking_an_unknown_key_says_so(database: Database) -> None:
    with pytest.raises(NotFound), database.transaction() as session:
        keys.revoke(session, uuid4())


def test_the_probes_need_no_key(guarded: TestClient) -> None:
    assert guarded.get("/v1/health/live").json()["status"] == "ok"


@pytest.mark.parametrize("host", ["10.0.0.7", "192.168.1.4", "2001:db8::1"])
def test_without_keys_other_machines_are_refused(api: TestClient, host: str) -> None:
    answer = client_of(api, host=host).get("/v1/datasets")
    assert answer.status_code == 403
    assert "LIMIT_AUDIT_AUTHENTICATION=keys" in answer.json()["detail"]


@pytest.mark.parametrize("base_url", ["http://127.0.0.1", "http://localhost:8000", "http://[::1]:8000"])
def test_without_keys_this_machine_is_served(api: TestClient, base_url: str) -> None:
    assert client_of(api, base_url=base_url).get("/v1/datasets").status_code == 200


def test_without_keys_a_page_with_a_rebound_name_is_refused(api: TestClient) -> None:
    assert client_of(api, base_url="http://evil.example").get("/v1/datasets").status_code == 403


def test_without_keys_a_proxied_request_is_refused(api: TestClient) -> None:
    assert api.get("/v1/datasets", headers={"X-Forwarded-For": "10.0.0.7"}).status_code == 403


def test_readiness_names_what_does_not_answer(api: TestClient) -> None:
    answer = api.get("/v1/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "broker": "ConnectionError",
        "storage": "ok",
    }


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [("GET", "/nowhere", 404), ("PATCH", "/v1/datasets", 405), ("GET", "/v1/datasets/not-an-id", 422)],
)
def test_every_error_is_a_problem_document(api: TestClient, method: str, url: str, status: int) -> None:
    answer = api.request(method, url)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert {"type", "title", "code", "detail"} <= set(document)


def test_what_breaks_is_a_problem_document_without_secrets(api: TestClient) -> None:
    def broken() -> Settings:
        raise RuntimeError("the password is hunter2")

    api.app.dependency_overrides[get_settings] = broken  # type: ignore[attr-defined]
    client = TestClient(
        api.app, client=("127.0.0.1", 1), base_url="http://127.0.0.1", raise_server_exceptions=False
    )
    with capture_logs() as logged:
        answer = client.get("/v1/datasets")
    assert answer.status_code == 500
    assert [str(event["exc_info"]) for event in logged if "exc_info" in event] == ["the password is hunter2"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text


def test_a_large_json_body_is_refused(api: TestClient) -> None:
    answer = api.post("/v1/datasets", json={"name": "a" * (2 << 20)})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_endless_number_of_errors_is_counted_and_fifty_are_listed(api: TestClient) -> None:
    document = api.post("/v1/datasets", json={f"x{number}": 1 for number in range(150)}).json()
    assert (len(document["errors"]), document["error_count"]) == (50, 151)
    document = api.post("/v1/datasets", json={f"x{number}": 1 for number in range(5000)}).json()
    assert "at most 200 fields; found 5000" in document["detail"]


def test_a_list_of_wrong_values_is_one_error(api: TestClient) -> None:
    rehearsal = {"noise": "confusion", "matrix": [["x"] * 20_000]}
    configuration = {"rehearsal": rehearsal, "search": {"beta": ["x"] * 20_000}}
    answer = api.post("/v1/audits", json={"dataset_id": str(uuid4()), "configuration": configuration})
    assert answer.status_code == 422
    assert answer.json()["error_count"] < 10
    reviews = api.post(f"/v1/datasets/{uuid4()}/reviews", json={"reviews": [1] * 20_000})
    assert (reviews.status_code, reviews.json()["error_count"]) == (422, 1)


def test_bodies_other_than_lists_are_small(api: TestClient) -> None:
    assert api.post("/v1/datasets", content=b'{"name": "' + b"x" * 70_000 + b'"}').status_code == 413
    larger = api.post("/v1/audits", content=b'{"name": "' + b"x" * 70_000 + b'"}', headers=RAW)
    assert larger.status_code == 422


def test_a_long_name_is_recorded_shortened(api: TestClient, database: Database) -> None:
    assert api.delete(f"/v1/datasets/{'x' * 20_000}").status_code == 422
    with database.transaction() as session:
        (row,) = activity_log.list_activities(session, before=None, limit=5)
    assert row.objects == {"dataset_id": "x" * 255}


def test_only_the_embedded_service_proves_itself(api: TestClient, chosen: Settings) -> None:
    challenge = {"challenge": "0" * 64}
    assert api.get("/v1/health/instance", params=challenge).status_code == 404
    token = instance_proof.make_token()
    told = chosen.model_copy(update={"instance_token": token})
    api.app.dependency_overrides[get_settings] = lambda: told  # type: ignore[attr-defined]
    proof = api.get("/v1/health/instance", params=challenge).json()["proof"]
    assert instance_proof.is_proof(token, "0" * 64, proof)
    assert not instance_proof.is_proof(instance_proof.make_token(), "0" * 64, proof)
    assert token not in proof
    assert api.get("/v1/health/instance", params={"challenge": "x"}).status_code == 422


def test_the_description_names_every_error_and_the_key(api: TestClient) -> None:
    description = api.get("/openapi.json").json()
    create = description["paths"]["/v1/audits"]["post"]
    assert {"202", "401", "404", "409", "422"} <= set(create["responses"])
    assert create["security"] == [{"HTTPBearer": []}]
    put = description["paths"]["/v1/datasets/{dataset_id}/files/{file_name}"]["put"]
    assert put["requestBody"]["content"]["application/octet-stream"]["schema"]["format"] == "binary"


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a\\u0000b"}',
        b'{"name": "a\\ud800"}',
        b'{"name": "x", "label_column": "\\u0007"}',
        b'{"name": "x", "image_size": NaN}',
        b'{"name": "x", "image_size": 1e999}',
        b'{"name": "x", "\\ud800": 1}',
        b'{"name": "x", "format": "class_folder"}',
        b'{"name": "x"',
    ],
)
def test_json_that_no_table_can_hold_is_refused(api: TestClient, body: bytes) -> None:
    answer = api.post("/v1/datasets", content=body, headers=RAW)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/body")


@pytest.mark.parametrize("position", ["-1", "2147483648", str(2**63), str(10**30), "x"])
def test_positions_beyond_any_table_are_refused(api: TestClient, position: str) -> None:
    for url in (f"/v1/datasets/{uuid4()}/samples/{position}", f"/v1/audits/{uuid4()}/samples/{position}"):
        assert api.get(url).status_code == 422


@pytest.mark.parametrize(
    "values", ['["99999999999"]', "[1]", '[["a"]]', "[true]", '["x"]', '["1", "2"]', "{}", "7"]
)
@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/audits"])
def test_forged_cursors_are_refused(api: TestClient, path: str, values: str) -> None:
    cursor = base64.urlsafe_b64encode(values.encode()).decode()
    assert api.get(path, params={"cursor": cursor}).status_code == 422


def test_a_forged_number_in_a_cursor_is_refused(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    cursor = base64.urlsafe_b64encode(b'["99999999999"]').decode()
    assert api.get(f"/v1/datasets/{dataset.id}/samples?cursor={cursor}").status_code == 422
