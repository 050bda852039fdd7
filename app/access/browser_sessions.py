"""Browser sessions: a key is exchanged for a cookie; only its SHA-256 is stored, and it ends with the key."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.access import keys
from app.infra.errors import Unauthorised
from app.tables import ApiKey, Login

COOKIE = "limit_audit_session"


def log_in(session: Session, secret: str, *, hours: float) -> tuple[ApiKey, str]:
    """Return a key and a new cookie, valid for `hours` and no longer than the key.

    Raises:
        Unauthorised: the key is unknown, expired or revoked.

    """
    key = keys.find(session, secret)
    if key is None:
        raise Unauthorised("this key is unknown, expired or revoked")
    session.execute(delete(Login).where(Login.expires_at < func.now()))
    cookie = secrets.token_urlsafe(32)
    expires_at = func.now() + timedelta(hours=hours)
    session.add(Login(key_id=key.id, hash=_hash_cookie(cookie), expires_at=expires_at))
    return key, cookie


def find(session: Session, cookie: str) -> ApiKey | None:
    """Return the valid key of a cookie; None: there is none."""
    statement = (
        select(ApiKey)
        .join(Login, Login.key_id == ApiKey.id)
        .where(Login.hash == _hash_cookie(cookie), Login.expires_at > func.now(), *keys.require_usable())
    )
    return session.scalars(statement).one_or_none()


def log_out(session: Session, cookie: str) -> None:
    """Invalidate a cookie; an invalid cookie is no error."""
    session.execute(delete(Login).where(Login.hash == _hash_cookie(cookie)))


def _hash_cookie(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
