"""Messages by e-mail, against a real mail server on this machine."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient
from sqlalchemy import func, update

from app.audits import audit_service
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, WebhookDelivery
from app.webhooks import webhook_service
from tests.builders.stored_rows import store_audit, store_ready_dataset
from worker.maintenance import mail_delivery
from worker.maintenance.webhook_delivery import deliver

pytestmark = pytest.mark.service
USER, PASSWORD, SENDER = "ada", "a password", "audits@service.example"
ANNA = "mailto:anna@example.org"


@dataclass
class Mailbox:
    """Keeps what the server takes, and answers as it is told to."""

    answers: list[str] = field(default_factory=list)
    received: list[Envelope] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it by the name of the command
        self, _: object, session: Session, envelope: Envelope
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.received.append(envelope)
            self.was_encrypted.append(session.ssl is not None)
        return answer

    def read(self) -> EmailMessage:
        """Return the one message."""
        (envelope,) = self.received
        assert isinstance(envelope.content, bytes)
        return message_from_bytes(envelope.content, policy=policy.default)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate of its own for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("mail") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox, certificate: Path) -> Iterator[Controller]:
    """Return a server that takes mail only over STARTTLS and after a login."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def check(_server: object, _session: object, _envelope: object, _kind: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=is_right)  # what is not handled is answered with 535

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=check,
        auth_required=True,
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def chosen(
    chosen: Settings, server: Controller, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    given = {
        "smtp_host": "localhost",
        "smtp_port": server.port,
        "smtp_user": USER,
        "smtp_password": PASSWORD,
        "smtp_sender": SENDER,
        "smtp_domains": ["example.org"],
    }
    return chosen.model_copy(update=given)


@dataclass(frozen=True)
class Scene:
    """An address that is told of an audit that is to end."""

    api: TestClient
    database: Database
    chosen: Settings
    mailbox: Mailbox
    audit: Audit

    def subscribe(self, **more: object) -> str:
        answer = self.api.post("/v1/webhooks", json={"url": ANNA, **more})
        assert answer.status_code == 201, answer.json()
        assert answer.json()["format"] == "email"
        return str(answer.json()["id"])

    def end(self, status: AuditStatus, **values: object) -> None:
        with self.database.transaction() as session:
            assert audit_service.change_status(session, self.audit.id, status, **values)

    def deliver(self, hook: str, **changes: object) -> dict[str, Any]:
        """Attempt the newest message of a webhook and return its entry in the log."""
        path = f"/v1/webhooks/{hook}/deliveries"
        with self.database.transaction() as session:
            session.execute(update(WebhookDelivery).values(next_attempt_at=func.now()))
        newest = UUID(self.api.get(path).json()["items"][0]["id"])
        deliver(self.database, self.chosen.model_copy(update=changes), newest)
        return self.api.get(path).json()["items"][0]  # type: ignore[no-any-return]


@pytest.fixture
def scene(api: TestClient, database: Database, storage: Storage, chosen: Settings, mailbox: Mailbox) -> Scene:
    audit = store_audit(database, store_ready_dataset(database, storage))
    return Scene(api, database, chosen, mailbox, audit)


def test_the_end_of_an_audit_arrives_encrypted_and_says_how_sure_it_is(scene: Scene) -> None:
    hook = scene.subscribe()
    reasons = [{"code": "x", "detail": "It is too small."}]
    summary = {"sample_count": 12, "estimate": {"may_claim": False, "reasons": reasons}}
    scene.end(AuditStatus.SUCCEEDED, summary=summary)
    entry = scene.deliver(hook)
    assert (entry["status"], entry["response_status"], entry["error"]) == ("delivered", 250, None)
    mail = scene.mailbox.read()
    assert scene.mailbox.was_encrypted == [True]
    assert (mail["From"], mail["To"]) == (SENDER, "anna@example.org")
    assert mail["Subject"] == "Audit audit of made of made: succeeded"
    assert mail["Message-ID"] == f"<{entry['id']}@service.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content().splitlines()
    assert text[0] == (
        "limit-audit: audit audit of made of dataset made: succeeded. Cannot tell yet how many labels are"
        " wrong. It is too small. Check 100 samples at random."
    )
    assert text[1] == f"http://127.0.0.1/audits/{scene.audit.id}"
    assert text[-1].endswith(f"limit-audit webhook delete {hook}")


def test_a_name_cannot_add_a_header_or_a_recipient(scene: Scene) -> None:
    hook = scene.subscribe(template="$dataset\n.\nMAIL FROM:<x@example.org>")
    with scene.database.transaction() as session:
        found = session.get_one(Audit, scene.audit.id)
        found.name = "done\r\nBcc: eve@example.org\r\n\r\nInjected é" + "x" * 300
    scene.end(AuditStatus.FAILED, error={"code": "x", "detail": "no disk"})
    assert scene.deliver(hook)["status"] == "delivered"
    (envelope,) = scene.mailbox.received
    assert envelope.rcpt_tos == ["anna@example.org"]
    mail = scene.mailbox.read()
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).startswith("Audit done Bcc: eve@example.org Injected éxxx")
    assert len(mail["Subject"]) <= 200
    assert mail.get_content().splitlines()[1:3] == [".", "MAIL FROM:<x@example.org>"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mailto:anna@example.com", "allows: example.org"),
        ("mailto:anna@example.org?bcc=eve@example.com", "one address"),
        ("mailto:anna@example.org,eve@example.com", "one address"),
        ("mailto:anna@example.org\r\nBcc: eve@example.com", "one address"),
        ("mailto:anna@example.org\n", "one address"),
        ("mailto:", "one address"),
        ("mailto:a b@example.org", "one address"),
        ("mailto:" + "a@" + "b" * 60 + ".c" * 120 + ".example.org", "one address"),
    ],
)
def test_other_addresses_are_refused(scene: Scene, url: str, words: str) -> None:
    answer = scene.api.post("/v1/webhooks", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert words in answer.json()["detail"]


def test_a_format_must_fit_its_address(scene: Scene) -> None:
    for body in ({"url": ANNA, "format": "slack"}, {"url": "https://example.org", "format": "email"}):
        answer = scene.api.post("/v1/webhooks", json=body)
        assert answer.status_code == 422
        assert "mailto:" in answer.json()["detail"]


def test_a_mailbox_that_is_refused_is_not_tried_again_and_a_full_one_is(scene: Scene) -> None:
    hook = scene.subscribe()
    scene.api.post(f"/v1/webhooks/{hook}/test")
    scene.mailbox.answers = ["452 full", "550 nobody here"]
    entry = scene.deliver(hook)
    assert (entry["status"], entry["response_status"]) == ("pending", 452)
    entry = scene.deliver(hook)
    assert (entry["status"], entry["response_status"]) == ("failed", 550)
    assert "nobody here" in entry["error"]
    assert scene.mailbox.received == []


def test_a_test_message_arrives(scene: Scene) -> None:
    hook = scene.subscribe(template="$finding")
    scene.api.post(f"/v1/webhooks/{hook}/test")
    assert scene.deliver(hook)["status"] == "delivered"
    assert scene.mailbox.read().get_content().splitlines()[:2] == [webhook_service.TEST_WORDS, "[finding]"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"smtp_password": "wrong"}, "535"),
        ({"smtp_security": "none", "smtp_user": None}, "530"),
        ({"smtp_domains": []}, "allows: none"),
        ({"smtp_host": None}, "sends no e-mail"),
        ({"smtp_security": "tls"}, "SSL"),
        ({"smtp_host": "127.0.0.1"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"smtp_port": 1}, "ConnectionRefusedError"),
    ],
)
def test_a_server_that_cannot_be_used_is_named_in_the_log_and_tried_again(
    scene: Scene, changes: dict[str, object], words: str
) -> None:
    hook = scene.subscribe()
    scene.api.post(f"/v1/webhooks/{hook}/test")
    entry = scene.deliver(hook, **changes)
    assert entry["status"] == "pending"
    assert words in entry["error"]
    assert PASSWORD not in entry["error"]
    assert scene.mailbox.received == []


def test_a_silent_server_is_left_after_a_while(scene: Scene) -> None:
    hook = scene.subscribe()
    scene.api.post(f"/v1/webhooks/{hook}/test")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = scene.deliver(hook, smtp_port=silent.getsockname()[1], smtp_seconds=0.2)
    assert entry["status"] == "pending"
    assert "timed out" in entry["error"]


def test_a_server_that_drips_its_greeting_is_left_after_a_while(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_delivery, "WHOLE_SECONDS", 1.0)
    hook = scene.subscribe()
    scene.api.post(f"/v1/webhooks/{hook}/test")
    done = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            while not done.wait(0.1):
                connection.sendall(b"220-wait\r\n")

    with socket.create_server(("127.0.0.1", 0)) as dripping:
        thread = threading.Thread(target=drip, args=(dripping,))
        thread.start()
        began = time.monotonic()
        try:
            entry = scene.deliver(hook, smtp_port=dripping.getsockname()[1], smtp_seconds=60)
        finally:
            done.set()
            thread.join()
    assert entry["status"] == "pending"
    assert time.monotonic() - began < 30


def test_a_password_is_not_sent_in_the_clear() -> None:
    given = {"database_url": "x", "broker_url": "x", "storage_dir": "/x", "smtp_user": USER}
    with pytest.raises(ValueError, match="in the clear"):
        Settings(**given, smtp_security="none")  # type: ignore[arg-type]
