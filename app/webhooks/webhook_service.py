"""Webhooks by the Standard Webhooks specification: signed messages, retried until they arrive."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.infra.database import send_after_commit
from app.infra.errors import Invalid, NotFound, WrongState
from app.infra.queue import Task
from app.tables import Audit, Dataset, DeliveryStatus, MessageFormat, Webhook, WebhookDelivery
from app.webhooks import message_texts

SECRET_PREFIX, SECRET_BYTES = "whsec_", 32
MOST_WEBHOOKS = 50
MOST_WAITING_TESTS = 5
"""Test messages of one webhook that wait; an address that does not answer keeps each for minutes."""
MOST_UNDER_WAY, TURN_SECONDS = 2, 5
"""Messages of one workspace that are sent at once, of 8, and the pause of one that is too many."""
ATTEMPT_SECONDS = 30
"""Longer than an attempt can take."""
CLAIMING = 0x6C69_7768
"""The number of the lock under which messages are claimed."""
# Seconds from one attempt to the next: nine attempts over almost two days.
PAUSES = (5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 24 * 3600)
TEST_WORDS = "This is a test of limit-audit; messages look like this:"
SUMMARY_FIELDS = ("sample_count", "estimate", "expected_error_count", "label_issue_count")


class Event(StrEnum):
    """Types of messages."""

    SUCCEEDED = "audit.succeeded"
    FAILED = "audit.failed"
    CANCELLED = "audit.cancelled"
    TEST = "webhook.test"


def create(
    session: Session,
    *,
    url: str,
    events: list[Event],
    message_format: MessageFormat = MessageFormat.JSON,
    template: str | None = None,
    base_url: str | None = None,
) -> Webhook:
    """Create a webhook with a new secret.

    Args:
        session: of the workspace that the webhook belongs to.
        url: checked by the caller.
        events: what it is told of.
        message_format: what its messages look like.
        template: of their text; None: the usual one.
        base_url: this service's address, with which links begin; None: messages have no link.

    Raises:
        Invalid: the workspace has too many webhooks, or the template cannot be used.

    """
    if template is not None:
        if message_format == MessageFormat.JSON:
            raise Invalid(
                "expected format=slack or a mailto: address with a template; JSON messages have no text"
            )
        message_texts.check_template(template)
    if (session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST_WEBHOOKS:
        raise Invalid(f"there can be at most {MOST_WEBHOOKS} webhooks; delete one first")
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    webhook = Webhook(
        url=url,
        events=[str(event) for event in events],
        secret=secret,
        format=message_format,
        template=template,
        base_url=base_url,
    )
    session.add(webhook)
    session.flush()
    session.refresh(webhook)
    return webhook


def get(session: Session, webhook_id: UUID) -> Webhook:
    """Return a webhook.

    Raises:
        NotFound: no such webhook.

    """
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return webhook


def list_webhooks(session: Session) -> list[Webhook]:
    """Return the webhooks in order of creation."""
    return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def remove(session: Session, webhook_id: UUID) -> None:
    """Delete a webhook and its deliveries."""
    session.execute(delete(Webhook).where(Webhook.id == get(session, webhook_id).id))


def list_deliveries(
    session: Session, webhook: Webhook, *, before: UUID | None, limit: int
) -> list[WebhookDelivery]:
    """Return deliveries, newest first, created before the given one."""
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id)
    if before is not None:
        statement = statement.where(WebhookDelivery.id < before)
    return list(session.scalars(statement.order_by(WebhookDelivery.id.desc()).limit(limit)))


def announce_end(session: Session, audit_id: UUID) -> None:
    """Send the end of an audit to the webhooks of its workspace, after the commit."""
    session.flush()
    audit = session.get_one(Audit, audit_id, populate_existing=True)
    event = Event(f"audit.{audit.status}")
    statement = select(Webhook).where(
        Webhook.workspace_id == audit.workspace_id, Webhook.disabled_at.is_(None)
    )
    for webhook in session.scalars(statement):
        if event in webhook.events:
            _enqueue(session, webhook, event, _write_end(session, webhook, event, audit))


def send_test(session: Session, webhook: Webhook) -> WebhookDelivery:
    """Send a test message; a disabled webhook is enabled again.

    Raises:
        WrongState: too many of them wait already.

    """
    waiting = select(func.count()).where(
        WebhookDelivery.webhook_id == webhook.id,
        WebhookDelivery.event == Event.TEST,
        WebhookDelivery.status == DeliveryStatus.PENDING,
    )
    if (session.scalar(waiting) or 0) >= MOST_WAITING_TESTS:
        raise WrongState(f"{MOST_WAITING_TESTS} test messages of this webhook still wait for its receiver")
    webhook.disabled_at = None
    return _enqueue(session, webhook, Event.TEST, _write_test(webhook))


def send_again(session: Session, webhook: Webhook, delivery_id: UUID) -> WebhookDelivery:
    """Send a message again under the same id, starting with the first attempt.

    Raises:
        NotFound: this webhook has no such delivery.

    """
    delivery = session.get(WebhookDelivery, delivery_id)
    if delivery is None or delivery.webhook_id != webhook.id:
        raise NotFound(f"webhook {webhook.id} has no delivery {delivery_id}")
    webhook.disabled_at = None
    delivery.status, delivery.attempts, delivery.next_attempt_at = DeliveryStatus.PENDING, 0, func.now()
    session.flush()
    session.refresh(delivery)
    send_after_commit(session, Task.DELIVER, delivery.id)
    return delivery


def claim(session: Session, delivery_id: UUID) -> tuple[WebhookDelivery, Webhook] | None:
    """Claim a due delivery and set the time of its next attempt; None: nothing to send.

    A delivery whose workspace has MOST_UNDER_WAY others under way is put off, for the others' sake.
    """
    session.execute(select(func.pg_advisory_xact_lock(CLAIMING)))
    delivery = session.get(WebhookDelivery, delivery_id, with_for_update={"skip_locked": True})
    if delivery is None or delivery.status != DeliveryStatus.PENDING:
        return None
    now = session.scalars(select(func.now())).one()
    if delivery.next_attempt_at > now:
        return None
    webhook = session.get_one(Webhook, delivery.webhook_id)
    if _count_under_way(session, webhook.workspace_id) >= MOST_UNDER_WAY:
        delivery.next_attempt_at = now + timedelta(seconds=TURN_SECONDS)
        return None
    pause = PAUSES[min(delivery.attempts, len(PAUSES) - 1)]
    delivery.attempts += 1
    delivery.attempted_at, delivery.next_attempt_at = now, now + timedelta(seconds=pause)
    delivery.error = delivery.response_status = None
    return delivery, webhook


def _count_under_way(session: Session, workspace_id: UUID) -> int:
    """Return how many deliveries of a workspace have an attempt without a result."""
    statement = select(func.count()).where(
        WebhookDelivery.webhook_id == Webhook.id,
        Webhook.workspace_id == workspace_id,
        WebhookDelivery.status == DeliveryStatus.PENDING,
        WebhookDelivery.error.is_(None),
        WebhookDelivery.attempted_at > func.now() - timedelta(seconds=ATTEMPT_SECONDS),
    )
    return session.scalar(statement) or 0


def record_attempt(
    session: Session,
    delivery: WebhookDelivery,
    *,
    response_status: int | None,
    error: str | None,
    is_final: bool = False,
) -> None:
    """Record the result of an attempt; the last failed attempt, or a final one, ends the delivery."""
    is_last = is_final or delivery.attempts > len(PAUSES)
    status = DeliveryStatus.FAILED if is_last else DeliveryStatus.PENDING
    values = {
        "status": DeliveryStatus.DELIVERED if error is None else status,
        "response_status": response_status,
        "error": error,
    }
    claimed = (WebhookDelivery.id == delivery.id, WebhookDelivery.attempts == delivery.attempts)
    session.execute(update(WebhookDelivery).where(*claimed).values(**values))


def give_up(session: Session, webhook: Webhook, delivery: WebhookDelivery) -> None:
    """Disable a webhook whose receiver answered 410 Gone."""
    now = func.now()
    session.execute(update(Webhook).where(Webhook.id == webhook.id).values(disabled_at=now))
    ended = {"status": DeliveryStatus.FAILED, "response_status": 410, "error": "the receiver is gone (410)"}
    session.execute(update(WebhookDelivery).where(WebhookDelivery.id == delivery.id).values(**ended))


def list_due_deliveries(session: Session) -> list[UUID]:
    """Return the deliveries whose next attempt is due."""
    statement = select(WebhookDelivery.id).where(
        WebhookDelivery.status == DeliveryStatus.PENDING, WebhookDelivery.next_attempt_at <= func.now()
    )
    return list(session.scalars(statement))


def sign_message(delivery_id: UUID, body: str, secret: str, *, at: datetime) -> dict[str, str]:
    """Return the headers by which a receiver verifies a message and recognises repeats."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{delivery_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _enqueue(session: Session, webhook: Webhook, event: Event, body: dict[str, Any]) -> WebhookDelivery:
    delivery = WebhookDelivery(webhook_id=webhook.id, event=event, body=json.dumps(body))
    session.add(delivery)
    session.flush()
    session.refresh(delivery)
    send_after_commit(session, Task.DELIVER, delivery.id)
    return delivery


def _write_end(session: Session, webhook: Webhook, event: Event, audit: Audit) -> dict[str, Any]:
    """Return the body that tells a webhook of an audit's end."""
    if webhook.format == MessageFormat.JSON:
        return _write_facts(event, _describe_audit(audit))
    dataset = session.get_one(Dataset, audit.dataset_id)
    values = message_texts.describe_values(audit, dataset.name, webhook.base_url)
    return message_texts.write_message(webhook.template, values, webhook.format)


def _write_test(webhook: Webhook) -> dict[str, Any]:
    if webhook.format == MessageFormat.JSON:
        return _write_facts(Event.TEST, {"webhook_id": str(webhook.id)})
    values = message_texts.describe_test_values(webhook.base_url)
    return message_texts.write_message(webhook.template, values, webhook.format, heading=TEST_WORDS)


def _write_facts(event: Event, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": event, "timestamp": datetime.now(UTC).isoformat(), "data": data}


def _describe_audit(audit: Audit) -> dict[str, Any]:
    summary = audit.summary or {}
    return {
        "id": str(audit.id),
        "dataset_id": str(audit.dataset_id),
        "name": audit.name,
        "status": audit.status,
        "finished_at": None if audit.finished_at is None else audit.finished_at.isoformat(),
        "error": audit.error,
        "summary": {name: summary.get(name) for name in SUMMARY_FIELDS} if audit.summary else None,
    }
