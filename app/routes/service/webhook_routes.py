"""Routes of webhooks and their deliveries."""

from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.http import cursors, idempotency, outbound_requests
from app.routes.shared.dependencies import (
    CurrentCaller,
    Paged,
    Reads,
    ServiceSettings,
    Session,
    Writes,
    link_next,
)
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.schemas.shared_schemas import Page
from app.schemas.webhook_schemas import DeliveryOut, NewWebhookOut, WebhookOut, WebhookRequest
from app.tables import MessageFormat, Scope, Webhook
from app.webhooks import mail_addresses, webhook_service
from app.webhooks.message_texts import choose_format

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=IdempotentRoute)


@router.post("", status_code=201, dependencies=[Writes])
def create_webhook(
    body: WebhookRequest, session: Session, settings: ServiceSettings, request: Request, response: Response
) -> NewWebhookOut:
    """Create a webhook: an address that receives a message when an audit ends.

    The answer contains the secret that signs the messages; it is never shown again, save to a retry with the
    same Idempotency-Key within ten minutes.
    """
    message_format = choose_format(body.url, body.format)
    if message_format == MessageFormat.EMAIL:
        mail_addresses.check_recipient(body.url, settings)
    else:
        outbound_requests.check_url(body.url, allow_private=settings.outbound_private)
    webhook = webhook_service.create(
        session,
        url=body.url,
        events=list(body.events),
        message_format=message_format,
        template=body.template,
        base_url=str(request.base_url).rstrip("/"),
    )
    response.headers["Location"] = f"/v1/webhooks/{webhook.id}"
    response.headers["Cache-Control"] = idempotency.NO_STORE
    return NewWebhookOut.model_validate(webhook)


@router.get("", dependencies=[Reads])
def list_webhooks(session: Session, caller: CurrentCaller) -> list[WebhookOut]:
    """List webhooks, oldest first."""
    return [_render(webhook, caller.scope) for webhook in webhook_service.list_webhooks(session)]


@router.get("/{webhook_id}", dependencies=[Reads])
def read_webhook(webhook_id: UUID, session: Session, caller: CurrentCaller) -> WebhookOut:
    """Return a webhook."""
    return _render(webhook_service.get(session, webhook_id), caller.scope)


def _render(webhook: Webhook, scope: Scope) -> WebhookOut:
    """Return a webhook's answer; who may only read sees the host: chats let in whoever has path and query."""
    answer, parts = WebhookOut.model_validate(webhook), urlsplit(webhook.url)
    if scope != Scope.READ or parts.scheme not in outbound_requests.SCHEMES:
        return answer
    return answer.model_copy(update={"url": f"{parts.scheme}://{parts.netloc}/…"})


@router.delete("/{webhook_id}", status_code=204, dependencies=[Writes])
def delete_webhook(webhook_id: UUID, session: Session) -> None:
    """Delete a webhook; its pending messages are not sent."""
    webhook_service.remove(session, webhook_id)


@router.post("/{webhook_id}/test", status_code=202, dependencies=[Writes])
def test_webhook(webhook_id: UUID, session: Session) -> DeliveryOut:
    """Send a test message; this also enables a disabled webhook again."""
    return DeliveryOut.model_validate(
        webhook_service.send_test(session, webhook_service.get(session, webhook_id))
    )


@router.get("/{webhook_id}/deliveries", dependencies=[Reads])
def list_deliveries(
    webhook_id: UUID, session: Session, paging: Paged, request: Request, response: Response
) -> Page[DeliveryOut]:
    """List a webhook's messages with their delivery status, newest first."""
    webhook = webhook_service.get(session, webhook_id)
    before = cursors.decode(paging.cursor, UUID)
    rows = webhook_service.list_deliveries(
        session, webhook, before=before[0] if before else None, limit=paging.limit + 1
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].id) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return Page(items=[DeliveryOut.model_validate(row) for row in page], next_cursor=cursor)


@router.post("/{webhook_id}/deliveries/{delivery_id}/send", status_code=202, dependencies=[Writes])
def send_delivery(webhook_id: UUID, delivery_id: UUID, session: Session) -> DeliveryOut:
    """Send a message again with the same id."""
    webhook = webhook_service.get(session, webhook_id)
    return DeliveryOut.model_validate(webhook_service.send_again(session, webhook, delivery_id))
