"""Webhooks in requests and answers."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.request_schemas import Request
from app.webhooks.webhook_service import Event

AuditEvent = Literal[Event.SUCCEEDED, Event.FAILED, Event.CANCELLED]
AUDIT_EVENTS: list[AuditEvent] = [Event.SUCCEEDED, Event.FAILED, Event.CANCELLED]


class WebhookRequest(Request):
    """A new webhook."""

    url: str = Field(min_length=1, max_length=2000, description="http or https, at a public address")
    events: list[AuditEvent] = Field(
        default_factory=AUDIT_EVENTS.copy,
        min_length=1,
        max_length=3,
        description="all, if left out",
    )


class WebhookOut(BaseModel):
    """A webhook; its secret is shown once, when it is made."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    url: str
    events: list[str]
    disabled_at: datetime | None = Field(description="the receiver said that it is gone (410)")


class NewWebhookOut(WebhookOut):
    """A webhook that was just made."""

    secret: str = Field(description="whsec_...: verifies the signatures; never shown again")


class DeliveryOut(BaseModel):
    """One message and what its last attempt came to."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="also the message's webhook-id")
    created_at: datetime
    event: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    attempted_at: datetime | None
    next_attempt_at: datetime = Field(description="while it is pending")
    response_status: int | None
    error: str | None
    body: str = Field(description="JSON, as it is sent")
