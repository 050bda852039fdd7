"""Delivery of a webhook message: claim, sign, post, record."""

import threading
from datetime import UTC, datetime
from uuid import UUID

import httpx
import structlog

from app.http import outbound_requests
from app.infra.database import Database
from app.infra.errors import Invalid
from app.infra.settings import Settings
from app.tables import MessageFormat, Webhook, WebhookDelivery
from app.webhooks import webhook_service
from worker.maintenance import mail_delivery

log = structlog.get_logger()
SILENCE_SECONDS, WHOLE_SECONDS = 10.0, 20.0
GONE = 410


def deliver(database: Database, settings: Settings, delivery_id: UUID) -> None:
    """Attempt a delivery that is due, and store the result."""
    with database.transaction() as session:
        claimed = webhook_service.claim(session, delivery_id)
    if claimed is None:
        return
    delivery, webhook = claimed
    is_mail = webhook.format == MessageFormat.EMAIL
    status, error = (
        mail_delivery.send(settings, webhook, delivery) if is_mail else _post(settings, webhook, delivery)
    )
    log.info("webhook", delivery=str(delivery_id), attempt=delivery.attempts, status=status, error=error)
    with database.transaction() as session:
        if status == GONE and not is_mail:
            webhook_service.give_up(session, webhook, delivery)
        else:
            is_final = is_mail and status in mail_delivery.REFUSED
            webhook_service.record_attempt(
                session, delivery, response_status=status, error=error, is_final=is_final
            )


def _post(settings: Settings, webhook: Webhook, delivery: WebhookDelivery) -> tuple[int | None, str | None]:
    """Send the message; return the answer's status and, if it failed, the reason."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "limit-audit",
        **webhook_service.sign_message(delivery.id, delivery.body, webhook.secret, at=datetime.now(UTC)),
    }
    client = outbound_requests.make_client(
        allow_private=settings.outbound_private, timeout_seconds=SILENCE_SECONDS
    )
    # A receiver that answers byte by byte must not block the worker.
    deadline = threading.Timer(WHOLE_SECONDS, client.close)
    deadline.start()
    try:
        with client.stream("POST", webhook.url, content=delivery.body.encode(), headers=headers) as response:
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, Invalid, RuntimeError, OSError) as error:
        return None, f"{type(error).__name__}: {error}"
    finally:
        deadline.cancel()
        client.close()
    return status, None if response.is_success else f"the receiver answered {status}"
