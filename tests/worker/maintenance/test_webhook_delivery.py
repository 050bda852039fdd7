"""Webhooks, against a real receiver on this machine."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, update

from app.audits import audit_service
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, WebhookDelivery, Workspace
from app.webhooks import webhook_service
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset
from worker.maintenance.sweep import sweep
from worker.maintenance.webhook_delivery import deliver

pytestmark = pytest.mark.service


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.received: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append((headers, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "http://169.254.169.254/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def chosen(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"outbound_private": True})


@pytest.fixture
def hook(api: TestClient, receiver: Receiver) -> dict[str, Any]:
    answer = api.post("/v1/webhooks", json={"url": receiver.url})
    assert answer.status_code == 201, answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{answer.json()['id']}"
    return answer.json()  # type: ignore[no-any-return]


@pytest.fixture
def audit(database: Database, storage: Storage) -> Audit:
    return store_audit(database, store_ready_dataset(database, storage))


def end(database: Database, audit: Audit, status: AuditStatus, **values: object) -> None:
    with database.transaction() as session:
        assert audit_service.change_status(session, audit.id, status, **values)


@dataclass(frozen=True)
class Scene:
    """A webhook, its receiver, and an audit that is to end."""

    api: TestClient
    database: Database
    chosen: Settings
    hook: dict[str, Any]
    audit: Audit
    sent: list[tuple[Task, UUID]]

    def message(self) -> UUID:
        (found,) = messages(self.sent)
        return found

    def deliver(self, message: UUID) -> None:
        deliver(self.database, self.chosen, message)

    def entry(self) -> dict[str, Any]:
        (found,) = self.api.get(f"/v1/webhooks/{self.hook['id']}/deliveries").json()["items"]
        return found  # type: ignore[no-any-return]


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(**{name: request.getfixturevalue(name) for name in Scene.__dataclass_fields__})


def messages(sent: list[tuple[Task, UUID]]) -> list[UUID]:
    return [identifier for task, identifier in sent if task == Task.DELIVER]


def make_due(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(WebhookDelivery).values(next_attempt_at=func.now()))


def test_the_end_of_an_audit_arrives_signed(scene: Scene, receiver: Receiver) -> None:
    summary = {
        "sample_count": 12,
        "estimate": {"may_claim": True, "count": 2.5},
        "expected_error_count": 2.5,
        "label_issue_count": 2,
    }
    end(scene.database, scene.audit, AuditStatus.SUCCEEDED, summary={**summary, "more": "left out"})
    message = scene.message()
    scene.deliver(message)
    ((headers, body),) = receiver.received
    document = json.loads(body)
    assert document["type"] == "audit.succeeded"
    assert document["data"] | {"finished_at": None} == {
        "id": str(scene.audit.id),
        "dataset_id": str(scene.audit.dataset_id),
        "name": "audit of made",
        "status": "succeeded",
        "finished_at": None,
        "error": None,
        "summary": summary,
    }
    # The receiver's side of Standard Webhooks, worked out anew.
    assert headers["webhook-id"] == str(message)
    assert abs(datetime.now(UTC).timestamp() - int(headers["webhook-timestamp"])) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(scene.hook["secret"].removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    entry = scene.entry()
    assert (entry["status"], entry["attempts"], entry["response_status"]) == ("delivered", 1, 204)


def test_the_specification_s_own_example_is_signed_as_it_says() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '{"test": 2432232314}'
    headers = webhook_service.sign_message(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",  # type: ignore[arg-type]  # the example's id is no UUID
        body,
        secret,
        at=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_messages_of_one_workspace_take_turns(
    api: TestClient, database: Database, hook: dict[str, Any]
) -> None:
    """A workspace whose receiver is silent leaves threads for the others."""
    tests = [UUID(api.post(f"/v1/webhooks/{hook['id']}/test").json()["id"]) for _ in range(4)]
    claims = []
    for message in tests:
        with database.transaction() as session:
            claims.append(webhook_service.claim(session, message))
    assert [claimed is not None for claimed in claims] == [True, True, False, False]
    with database.transaction() as session:
        for claimed in claims[:2]:
            assert claimed is not None
            webhook_service.record_attempt(session, claimed[0], response_status=None, error="silent")
        session.execute(update(WebhookDelivery).values(next_attempt_at=func.now()))
    with database.transaction() as session:
        assert webhook_service.claim(session, tests[2]) is not None


def test_few_test_messages_wait_for_a_receiver(api: TestClient, hook: dict[str, Any]) -> None:
    answers = [api.post(f"/v1/webhooks/{hook['id']}/test") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [409] * 2
    assert "5 test messages" in answers[-1].json()["detail"]


def test_what_does_not_arrive_is_sent_again_by_the_sweeper(scene: Scene, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 200]
    end(scene.database, scene.audit, AuditStatus.FAILED, error={"code": "x", "detail": "why"})
    message = scene.message()
    scene.deliver(message)
    scene.deliver(message)  # not due yet: nothing is sent
    assert len(receiver.received) == 1
    entry = scene.entry()
    assert (entry["status"], entry["error"]) == ("pending", "the receiver answered 500")
    pause = datetime.fromisoformat(entry["next_attempt_at"]) - datetime.fromisoformat(entry["attempted_at"])
    assert pause == timedelta(seconds=webhook_service.PAUSES[0])
    for _ in range(2):
        make_due(scene.database)
        scene.sent.clear()
        sweep(scene.database, scene.chosen, lambda _: 0)
        assert messages(scene.sent) == [message]
        scene.deliver(message)
    assert [headers["webhook-id"] for headers, _ in receiver.received] == [str(message)] * 3
    assert len({body for _, body in receiver.received}) == 1
    entry = scene.entry()
    assert (entry["status"], entry["attempts"], entry["error"]) == ("delivered", 3, None)


def test_attempts_end(scene: Scene, receiver: Receiver) -> None:
    receiver.shutdown()
    receiver.server_close()
    end(scene.database, scene.audit, AuditStatus.CANCELLED)
    message = scene.message()
    for _ in range(len(webhook_service.PAUSES) + 1):
        make_due(scene.database)
        scene.deliver(message)
    entry = scene.entry()
    assert (entry["status"], entry["attempts"]) == ("failed", len(webhook_service.PAUSES) + 1)
    assert "ConnectError" in entry["error"]
    again = scene.api.post(f"/v1/webhooks/{scene.hook['id']}/deliveries/{message}/send")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "pending", 0)


def test_a_receiver_that_is_gone_is_left_alone_until_it_is_tested(scene: Scene, receiver: Receiver) -> None:
    receiver.answers = [410]
    assert scene.api.post(f"/v1/webhooks/{scene.hook['id']}/test").json()["event"] == "webhook.test"
    scene.deliver(scene.message())
    assert scene.api.get(f"/v1/webhooks/{scene.hook['id']}").json()["disabled_at"] is not None
    assert scene.entry()["status"] == "failed"
    scene.sent.clear()
    end(scene.database, scene.audit, AuditStatus.SUCCEEDED)
    assert messages(scene.sent) == []
    scene.api.post(f"/v1/webhooks/{scene.hook['id']}/test")
    assert scene.api.get(f"/v1/webhooks/{scene.hook['id']}").json()["disabled_at"] is None
    assert len(messages(scene.sent)) == 1


def test_only_the_events_that_were_asked_for_are_told(
    api: TestClient, database: Database, receiver: Receiver, audit: Audit, sent: list[tuple[Task, UUID]]
) -> None:
    api.post("/v1/webhooks", json={"url": receiver.url, "events": ["audit.failed"]})
    end(database, audit, AuditStatus.SUCCEEDED)
    assert messages(sent) == []


def test_other_workspaces_are_not_told(
    database: Database, storage: Storage, hook: dict[str, Any], sent: list[tuple[Task, UUID]]
) -> None:
    assert hook
    with database.transaction() as session:
        other = Workspace(name="other")
        session.add(other)
        session.flush()
        other_id = other.id
    dataset = store_ready_dataset(database.confine(other_id), storage)
    store_finished_audit(database.confine(other_id), dataset)
    assert messages(sent) == []


def make_slack(scene: Scene, receiver: Receiver, **more: object) -> dict[str, Any]:
    answer = scene.api.post("/v1/webhooks", json={"url": receiver.url, "format": "slack", **more})
    assert answer.status_code == 201, answer.json()
    return answer.json()  # type: ignore[no-any-return]


def deliver_text(scene: Scene, receiver: Receiver, hook: dict[str, Any]) -> str:
    """Deliver the one message of a webhook in Slack's format and return its text."""
    (entry,) = scene.api.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["items"]
    scene.deliver(UUID(entry["id"]))
    body = json.loads(receiver.received[-1][1])
    assert body.keys() == {"text"}, "Slack refuses other bodies as invalid_payload"
    return str(body["text"])


def test_a_message_for_people_says_what_was_found_and_how_sure(scene: Scene, receiver: Receiver) -> None:
    hook = make_slack(scene, receiver)
    claimed = {"may_claim": True, "interval": [2, 4], "sample_count": 1200}
    end(
        scene.database,
        scene.audit,
        AuditStatus.SUCCEEDED,
        summary={"sample_count": 1200, "estimate": claimed},
    )
    assert deliver_text(scene, receiver, hook) == (
        "limit-audit: audit audit of made of dataset made: succeeded. About 2 to 4 of 1,200 labels are"
        " probably wrong, by this audit's own evidence; nobody has checked it.\n"
        f"http://127.0.0.1/audits/{scene.audit.id}"
    )


def test_a_message_is_never_surer_than_the_audit(scene: Scene, receiver: Receiver) -> None:
    hook = make_slack(scene, receiver, template="$samples: $finding")
    estimate = {"may_claim": False, "count": 3.0, "reasons": [{"code": "x", "detail": "It is too small."}]}
    summary = {"sample_count": 12, "expected_error_count": None, "label_issue_count": 3, "estimate": estimate}
    end(scene.database, scene.audit, AuditStatus.SUCCEEDED, summary=summary)
    assert deliver_text(scene, receiver, hook) == (
        "12: Cannot tell yet how many labels are wrong. It is too small. Check 100 samples at random."
    )


def test_a_name_cannot_call_everybody_or_add_lines(scene: Scene, receiver: Receiver) -> None:
    hook = make_slack(scene, receiver, template="*$audit* for $$5: $finding")
    with scene.database.transaction() as session:
        session.get_one(Audit, scene.audit.id).name = "<!channel> & @here\nall\u202e is well"
    end(scene.database, scene.audit, AuditStatus.FAILED, error={"code": "x", "detail": "no <disk>"})
    assert deliver_text(scene, receiver, hook) == (
        "*&lt;!channel&gt; &amp; @\u200bhere all is well* for $5: no &lt;disk&gt;"
    )


def test_a_test_message_shows_the_template_without_a_finding(scene: Scene, receiver: Receiver) -> None:
    hook = make_slack(scene, receiver, template="$dataset: $finding")
    scene.api.post(f"/v1/webhooks/{hook['id']}/test")
    text = deliver_text(scene, receiver, hook)
    assert text.splitlines() == [webhook_service.TEST_WORDS, "[dataset]: [finding]"]


def test_a_rehearsal_s_message_counts_nothing(scene: Scene, receiver: Receiver) -> None:
    hook = make_slack(scene, receiver, template="$finding")
    with scene.database.transaction() as session:
        session.get_one(Audit, scene.audit.id).configuration = {"rehearsal": {"noise": 0.1}}
    summary = {"sample_count": 9, "estimate": {"may_claim": True, "interval": [2, 4], "sample_count": 9}}
    end(scene.database, scene.audit, AuditStatus.SUCCEEDED, summary=summary)
    text = deliver_text(scene, receiver, hook)
    assert "rehearsal" in text
    assert "2 to 4" not in text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"format": "slack", "template": "$name $dataset ${count}"},
            "names $count, $name; there are $audit,",
        ),
        ({"format": "slack", "template": "costs $5"}, "$$ for a dollar sign"),
        ({"template": "$dataset"}, "format=slack"),
    ],
)
def test_a_template_is_checked_when_the_webhook_is_made(
    api: TestClient, receiver: Receiver, more: dict[str, str], words: str
) -> None:
    answer = api.post("/v1/webhooks", json={"url": receiver.url, **more})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "ftp://example.org", "http://user:word@127.0.0.1/", "nothing"]
)
def test_addresses_that_we_do_not_call_are_refused(api: TestClient, url: str) -> None:
    answer = api.post("/v1/webhooks", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "forbidden_address")


def test_an_address_that_turns_private_later_is_not_called(scene: Scene, receiver: Receiver) -> None:
    scene.api.post(f"/v1/webhooks/{scene.hook['id']}/test")
    deliver(
        scene.database, scene.chosen.model_copy(update={"outbound_private": False}), messages(scene.sent)[0]
    )
    assert receiver.received == []
    assert "does not call" in scene.entry()["error"]


def test_secrets_are_shown_once(api: TestClient, hook: dict[str, Any]) -> None:
    assert hook["secret"].startswith("whsec_")
    (listed,) = api.get("/v1/webhooks").json()
    assert "secret" not in listed
    assert "secret" not in api.get(f"/v1/webhooks/{hook['id']}").json()
    assert api.delete(f"/v1/webhooks/{hook['id']}").status_code == 204
    assert api.get("/v1/webhooks").json() == []
    assert api.get(f"/v1/webhooks/{hook['id']}").status_code == 404
