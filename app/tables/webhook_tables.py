"""Tables of webhooks and their deliveries."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.access_tables import Owned
from app.tables.table_base import Base, Identified, restrict_to


class MessageFormat(StrEnum):
    """What a webhook's messages look like."""

    JSON = "json"
    """All facts, signed."""
    SLACK = "slack"
    """A text, as incoming webhooks of Slack, Mattermost and Rocket.Chat take it."""
    EMAIL = "email"
    """A text by e-mail; the URL is mailto: and an address."""


class Webhook(Identified, Owned, Base):
    """A URL that gets messages when audits end."""

    __tablename__ = "webhooks"
    __table_args__ = (restrict_to("format", MessageFormat),)

    url: Mapped[str]
    format: Mapped[str] = mapped_column(server_default=MessageFormat.JSON)
    template: Mapped[str | None] = mapped_column(comment="of the text; null: the usual text")
    base_url: Mapped[str | None] = mapped_column(
        comment="address of this service in the request that made the webhook; links begin with it"
    )
    events: Mapped[list[str]]
    secret: Mapped[str] = mapped_column(comment="signs what is sent, so that it must be kept in the clear")
    disabled_at: Mapped[datetime | None] = mapped_column(comment="the receiver said that it is gone (410)")


class DeliveryStatus(StrEnum):
    """Status of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(Identified, Base):
    """One message to one webhook. Its id is the message id, the same for every attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        restrict_to("status", DeliveryStatus),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index(
            "ix_webhook_deliveries_pending", "next_attempt_at", postgresql_where=text("status = 'pending'")
        ),
    )

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey(Webhook.id, ondelete="CASCADE"))
    event: Mapped[str]
    body: Mapped[str] = mapped_column(comment="JSON, byte for byte as it is signed")
    status: Mapped[str] = mapped_column(server_default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="also the lease of the attempt that is under way"
    )
    attempted_at: Mapped[datetime | None]
    response_status: Mapped[int | None] = mapped_column(comment="of the last attempt; null: no answer")
    error: Mapped[str | None] = mapped_column(comment="why the last attempt failed")
