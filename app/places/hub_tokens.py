"""The token with which a workspace reads datasets of the hub."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, NotFound
from app.tables import HubToken


def put_token(session: Session, token: str) -> HubToken:
    """Store a token; it replaces what was stored.

    Raises:
        Invalid: it has characters that no header can carry.

    """
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise Invalid("expected a token of printable ASCII characters without blanks")
    stored = session.scalar(select(HubToken))
    if stored is None:
        stored = HubToken()
        session.add(stored)
    stored.token = token
    session.flush()
    session.refresh(stored)
    return stored


def find_time(session: Session) -> datetime | None:
    """Return when the workspace first stored a token; None: there is none."""
    return session.scalar(select(HubToken.created_at))


def find_token(session: Session, workspace_id: UUID) -> str | None:
    """Return a workspace's token, for reading."""
    return session.scalar(select(HubToken.token).where(HubToken.workspace_id == workspace_id))


def remove_token(session: Session) -> None:
    """Delete the token.

    Raises:
        NotFound: there is none.

    """
    stored = session.scalar(select(HubToken))
    if stored is None:
        raise NotFound("no token is stored for the hub")
    session.delete(stored)
