"""What is kept of a request: its id, its line in the log, its activity, its metrics; and no secrets."""

import asyncio
import json
import logging
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.types import Message

from app.access import keys
from app.access.rate_limits import Limiter
from app.datasets import dataset_service
from app.http.body_limits import BodyLimit
from app.http.request_log import SECURITY_HEADERS
from app.infra import counters, leases
from app.infra.database import Database
from app.infra.logs import configure_logging, remove_secrets
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import (
    Dataset,
    DatasetStatus,
    FeatureSet,
    FeatureShard,
    Run,
    RunStatus,
    Scope,
    ShardStatus,
    Total,
    TotalName,
)
from tests.builders.stored_rows import store_audit, store_ready_dataset


@pytest.fixture
def key(api: TestClient, chosen: Settings, database: Database) -> str:
    with_keys = chosen.model_copy(update={"authentication": "keys"})
    api.app.dependency_overrides[get_settings] = lambda: with_keys  # type: ignore[attr-defined]
    with database.transaction() as session:
        return keys.create(session, name="grace", scope=Scope.ADMIN, expires_at=None)[1]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_answer_has_an_id_and_what_browsers_obey(api: TestClient) -> None:
    for path in ("/v1/datasets", "/nowhere", "/", "/v1/health/live", "/static/none"):
        answer = api.get(path)
        assert len(answer.headers["x-request-id"]) == 32
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        for name in SECURITY_HEADERS:
            assert answer.headers[name]


def test_a_clients_own_id_is_kept_if_it_is_one(api: TestClient) -> None:
    assert api.get("/", headers={"X-Request-ID": "job-7"}).headers["x-request-id"] == "job-7"
    forged = api.get("/", headers={"X-Request-ID": 'x" level="error'}).headers["x-request-id"]
    assert len(forged) == 32


def test_changes_are_recorded_with_who_and_how_they_ended(api: TestClient, key: str) -> None:
    made = api.post("/v1/datasets", json={"name": "a"}, headers=bearer(key))
    path = f"/v1/datasets/{made.json()['id']}"
    api.get(path, headers=bearer(key))
    api.delete(path, headers=bearer(key))
    api.delete(path, headers=bearer(key))
    api.post("/login", data={"key": key}, headers={"Origin": "http://127.0.0.1"})
    rows = api.get("/v1/activity", headers=bearer(key)).json()["items"]
    assert [(row["actor"], row["action"], row["status"]) for row in rows] == [
        ("grace", "POST /login", 303),
        ("grace", "DELETE /v1/datasets/{dataset_id}", 404),
        ("grace", "DELETE /v1/datasets/{dataset_id}", 204),
        ("grace", "POST /v1/datasets", 201),
    ]
    assert rows[1]["objects"] == {"dataset_id": made.json()["id"]}
    assert rows[3]["request_id"] == made.headers["x-request-id"]
    assert key not in json.dumps(rows)


def test_the_activity_of_a_workspace_is_paged(api: TestClient, key: str) -> None:
    for name in "abc":
        api.post("/v1/datasets", json={"name": name}, headers=bearer(key))
    first = api.get("/v1/activity?limit=2", headers=bearer(key))
    rest = api.get(first.links["next"]["url"], headers=bearer(key)).json()
    assert (len(first.json()["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)


def test_a_key_that_asks_too_much_is_told_when_to_come_back(api: TestClient, key: str) -> None:
    api.app.state.limiter = Limiter(per_second=0.001, burst=2, concurrent=5)  # type: ignore[attr-defined]
    answers = [api.get("/v1/datasets", headers=bearer(key)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 500 < int(answers[2].headers["retry-after"]) <= 1000
    assert answers[2].json()["code"] == "too_many_requests"


def test_a_body_is_refused_by_its_length_before_it_is_read(api: TestClient) -> None:
    headers = {"Content-Length": str(2**40), "Content-Type": "application/json"}
    review = api.put("/v1/datasets/x/samples/1/review", content=b"{}", headers=headers)
    assert review.status_code == 413
    assert api.post("/v1/datasets", content=b"{}", headers=headers).status_code == 413


def limited(messages: list[Message], *, length: int | None = None, seconds: float = 5) -> list[Message]:
    """Send a body through the limit of ten bytes and return what the application received."""
    received: list[Message] = []

    async def application(_: Any, receive: Any, __: Any) -> None:  # noqa: ANN401
        while True:
            received.append(await receive())
            if not received[-1].get("more_body"):
                return

    async def receive() -> Message:
        if not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    async def send(_: Message) -> None:
        raise AssertionError

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    limit = BodyLimit(application, max_bytes=10, list_max_bytes=10, seconds=seconds)
    asyncio.run(limit({"type": "http", "path": "/", "headers": headers}, receive, send))
    return received


def part(size: int, *, more: bool) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def test_a_body_without_a_length_is_stopped_when_it_grows_over() -> None:
    assert len(limited([part(5, more=True), part(5, more=False)])) == 2
    with pytest.raises(HTTPException) as refused:
        limited([part(5, more=True), part(6, more=False)])
    assert refused.value.status_code == 413


def test_nothing_is_read_of_a_body_announced_too_long() -> None:
    messages = [part(1, more=False)]
    with pytest.raises(HTTPException):
        limited(messages, length=11)
    assert messages


def test_a_body_that_trickles_is_given_up() -> None:
    with pytest.raises(HTTPException) as refused:
        limited([part(1, more=True)], seconds=0.05)
    assert refused.value.status_code == 408


def test_secrets_are_struck_from_the_log() -> None:
    secret = "la_" + "a" * 43
    event = {
        "event": f"connecting to postgresql://me:hunter2@db/x with {secret}",
        "headers": {"Authorization": "Bearer whatever-it-is", "Cookie": "a=1; limit_audit_session=abc; b=2"},
        "args": [secret, 7],
        "place": "read https://token4711@example.org/list.csv?X-Amz-Signature=SIG&x=1 and more",
    }
    struck = json.dumps(remove_secrets(None, "info", event))
    for hidden in ("hunter2", secret, "whatever-it-is", "abc", "token4711", "SIG"):
        assert hidden not in struck
    assert "db/x" in struck
    assert "b=2" in struck
    assert "example.org/list.csv?*** and more" in struck


def test_addresses_of_requests_to_others_are_not_logged() -> None:
    root, handlers = logging.getLogger(), logging.getLogger().handlers
    level = root.level
    try:
        configure_logging("json")
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO), "a path of Slack is a credential"
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()


def test_a_line_of_the_log_is_json_with_the_requests_id(capsys: pytest.CaptureFixture[str]) -> None:
    root, handlers = logging.getLogger(), logging.getLogger().handlers
    level = root.level
    try:
        configure_logging("json")
        with structlog.contextvars.bound_contextvars(request_id="r1"):
            logging.getLogger("other").warning("password is postgresql://u:pw@h")
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["request_id"], line["event"]) == ("r1", "password is postgresql://***@h")


def test_metrics_tell_of_requests_runs_and_losses(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    audit = store_audit(database, dataset)
    progress = {"samples_per_second": 125.5, "gpu_memory_bytes": 2**30}
    with database.transaction() as session:
        run = session.query(Run).filter_by(audit_id=audit.id).one()
        leases.claim(
            session, Run, run.id, lease_seconds=60, status=RunStatus.RUNNING, worker="w", device="gpu"
        )
        run.progress = progress
        _add_shards(session, dataset)
        counters.add(session, TotalName.LEASE_LOSSES, "runs")
        counters.add(session, TotalName.LEASE_LOSSES, "runs", by=2)
        dataset_service.change_status(
            session, dataset.id, DatasetStatus.REJECTED, error={"code": "not_an_archive", "detail": "x"}
        )
    api.get(f"/v1/datasets/{dataset.id}")
    lines = api.get("/metrics").text.splitlines()
    for line in (
        'limit_audit_runs{status="running"} 1.0',
        'limit_audit_runs{status="failed"} 0.0',
        'limit_audit_datasets{status="rejected"} 1.0',
        'limit_audit_training_samples_per_second{device="gpu",worker="w"} 125.5',
        'limit_audit_gpu_memory_bytes{device="gpu",worker="w"} 1.073741824e+09',
        'limit_audit_feature_shards{status="queued"} 1.0',
        'limit_audit_feature_shards{status="running"} 1.0',
        'limit_audit_feature_shards{status="succeeded"} 1.0',
        'limit_audit_feature_shards{status="failed"} 0.0',
        'limit_audit_feature_pictures_per_second{worker="f"} 31.5',
        'limit_audit_lease_losses_total{work="runs"} 3.0',
        'limit_audit_ingest_failures_total{code="not_an_archive"} 1.0',
    ):
        assert line in lines
    counted = 'limit_audit_requests_total{method="GET",route="/v1/datasets/{dataset_id}",status="200"}'
    assert any(line.startswith(counted) for line in lines)


def _add_shards(session: Session, dataset: Dataset) -> None:
    """Add three shards: one that is done, one that a worker computes, and one that waits."""
    found = FeatureSet(dataset_id=dataset.id, encoder="e", encoder_sha256="0" * 64, width=8)
    session.add(found)
    session.flush()
    statuses = (ShardStatus.SUCCEEDED, ShardStatus.QUEUED, ShardStatus.QUEUED)
    shards = [
        FeatureShard(set_id=found.id, number=at, start=at, stop=at + 1, status=status, queue="train")
        for at, status in enumerate(statuses)
    ]
    session.add_all(shards)
    session.flush()
    progress = {"done": 0, "total": 1, "samples_per_second": 31.5}
    leases.claim(
        session,
        FeatureShard,
        shards[1].id,
        lease_seconds=60,
        status=ShardStatus.RUNNING,
        worker="f",
        progress=progress,
    )


def test_totals_outlive_what_they_counted(database: Database) -> None:
    with database.transaction() as session:
        dataset = dataset_service.create(session, name="a", options={})
        error = {"code": "bad", "detail": "x"}
        dataset_service.change_status(session, dataset.id, DatasetStatus.REJECTED, error=error)
        dataset_service.remove(session, dataset.id)
    with database.transaction() as session:
        assert session.query(Dataset).count() == 0
        assert session.get(Total, (TotalName.INGEST_FAILURES, "bad")).value == 1  # type: ignore[union-attr]
