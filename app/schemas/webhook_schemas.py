"""Requests and answers of webhooks."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.request_schemas import Request
from app.webhooks.message_texts import DEFAULT_TEMPLATE, FIELDS
from app.webhooks.webhook_service import Event

NAMES = "; ".join(f"${name}: {meaning}" for name, meaning in FIELDS.items())
AuditEvent = Literal[Event.SUCCEEDED, Event.FAILED, Event.CANCELLED]
AUDIT_EVENTS: list[AuditEvent] = [Event.SUCCEEDED, Event.FAILED, Event.CANCELLED]


class WebhookRequest(Request):
    """A new webhook."""

    url: str = Field(
        min_length=1,
        max_length=2000,
        description="http or https URL with a public address, or mailto: and an address of e-mail",
    )
    events: list[AuditEvent] = Field(
        default_factory=AUDIT_EVENTS.copy,
        min_length=1,
        max_length=3,
        description="events to send; all if omitted",
    )
    format: Literal["json", "slack", "email"] | None = Field(
        default=None,
        description="json: all facts, signed; slack: a text, for Slack, Mattermost and Rocket.Chat;"
        " email: for a mailto: URL. If omitted: email for mailto:, else json",
    )
    template: str | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        pattern=r"^[^\x00]*$",
        description=f"text of messages for people; if omitted: {DEFAULT_TEMPLATE!r}. It may contain: {NAMES}",
    )


class WebhookOut(BaseModel):
    """A webhook. Its secret is shown only once, in the answer that creates it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    url: str = Field(description="for a key that may only read: the host and …, without path and query")
    events: list[str]
    format: Literal["json", "slack", "email"]
    template: str | None
    disabled_at: datetime | None = Field(
        description="when the receiver answered 410 Gone; null: the webhook is active"
    )


class NewWebhookOut(WebhookOut):
    """A new webhook with its secret."""

    secret: str = Field(description="whsec_...: verifies the signatures of messages; never shown again")


class DeliveryOut(BaseModel):
    """One message and the result of its last attempt."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="also the message's webhook-id")
    created_at: datetime
    event: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    attempted_at: datetime | None
    next_attempt_at: datetime = Field(description="time of the next attempt while the delivery is pending")
    response_status: int | None
    error: str | None
    body: str = Field(description="the JSON text that is sent")
