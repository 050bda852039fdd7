"""Rows that are kept for a limited time: the audit log, webhook messages, expired logins."""

from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, delete, func
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.infra.settings import Settings
from app.tables import Activity, Base, DeliveryStatus, Login, WebhookDelivery

log = structlog.get_logger()


def delete_old_rows(session: Session, settings: Settings) -> None:
    """Delete the rows that are too old."""
    _delete(session, Activity, _is_older(Activity.created_at, settings.activity_days))
    over = WebhookDelivery.status != DeliveryStatus.PENDING
    _delete(session, WebhookDelivery, over, _is_older(WebhookDelivery.created_at, settings.delivery_days))
    _delete(session, Login, Login.expires_at < func.now())


def _is_older(column: InstrumentedAttribute[object], days: float) -> ColumnElement[bool]:
    return column < func.now() - timedelta(days=days)


def _delete(session: Session, table: type[Base], *conditions: ColumnElement[bool]) -> None:
    statement = delete(table).where(*conditions).execution_options(synchronize_session=False)
    count = session.execute(statement).rowcount  # type: ignore[attr-defined]
    if count:
        log.info("old rows deleted", table=table.__tablename__, rows=count)
