"""Bearer keys: shown once at creation, stored only as a hash."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from app.infra.errors import NotFound
from app.tables import DEFAULT_WORKSPACE, ApiKey, Scope

PREFIX = "la_"


def create(
    session: Session,
    *,
    name: str,
    scope: Scope,
    expires_at: datetime | None,
    workspace_id: UUID = DEFAULT_WORKSPACE,
) -> tuple[ApiKey, str]:
    """Create a key; the second value is its secret, which is not stored."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        workspace_id=workspace_id, name=name, scope=scope, hash=_hash_secret(secret), expires_at=expires_at
    )
    session.add(key)
    session.flush()
    return key, secret


def find(session: Session, secret: str) -> ApiKey | None:
    """Return the valid key with this secret; None: there is none."""
    return session.scalars(
        select(ApiKey).where(ApiKey.hash == _hash_secret(secret), *require_usable())
    ).one_or_none()


def require_usable() -> list[ColumnElement[bool]]:
    """Return the conditions for a valid key: not revoked and not expired."""
    return [
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
    ]


def revoke(session: Session, key_id: UUID) -> UUID:
    """Revoke a key and return its workspace.

    Raises:
        NotFound: no such key.

    """
    statement = (
        update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=func.now()).returning(ApiKey.workspace_id)
    )
    workspace_id = session.scalars(statement).one_or_none()
    if workspace_id is None:
        raise NotFound(f"there is no key {key_id}")
    return workspace_id


def _hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
