"""Idempotency keys: the answer is stored with the effect of a request and returned again to retries."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.errors import Invalid
from app.tables import IdempotentAnswer

SECRET_SECONDS = 600
"""How long an answer with a secret is kept for retries: longer than any client of ours tries."""
NO_STORE = "no-store"
"""Cache-Control of an answer with a secret."""


@dataclass(frozen=True, kw_only=True)
class IdempotentRequest:
    """A request to execute request: its workspace, its key, and a digest of its content."""

    workspace_id: UUID
    key: str
    fingerprint: bytes


def claim(session: Session, request: IdempotentRequest) -> IdempotentAnswer | None:
    """Claim a key for this transaction, or return the answer of an earlier request.

    While another transaction holds the key, the call waits for its end.

    Raises:
        Invalid: the key was used for another request.

    """
    claimed = insert(IdempotentAnswer).values(
        workspace_id=request.workspace_id, key=request.key, fingerprint=request.fingerprint
    )
    if session.scalars(claimed.on_conflict_do_nothing().returning(IdempotentAnswer.key)).first() is not None:
        return None
    stored = session.scalars(select(IdempotentAnswer).where(_match_key(request))).one()
    if stored.fingerprint != request.fingerprint:
        raise Invalid("this Idempotency-Key was used for another request; make a new key for a new request")
    session.expunge(stored)  # the caller uses it after this transaction
    return stored


def store_answer(
    session: Session, request: IdempotentRequest, *, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Store the answer for a claimed key, in the same transaction."""
    values = {"status": status, "headers": headers, "body": body}
    session.execute(update(IdempotentAnswer).where(_match_key(request)).values(**values))


def forget_secrets(session: Session) -> None:
    """Delete the bodies of answers with a secret that are older than SECRET_SECONDS."""
    old = IdempotentAnswer.created_at < func.now() - timedelta(seconds=SECRET_SECONDS)
    has_secret = IdempotentAnswer.headers["cache-control"].astext == NO_STORE
    has_body = IdempotentAnswer.body.is_not(None)
    session.execute(update(IdempotentAnswer).where(old, has_secret, has_body).values(body=None))


def delete_old_answers(session: Session, *, older_than_seconds: float) -> int:
    """Delete old answers and return how many."""
    old = IdempotentAnswer.created_at < func.now() - timedelta(seconds=older_than_seconds)
    return len(session.scalars(delete(IdempotentAnswer).where(old).returning(IdempotentAnswer.key)).all())


def _match_key(request: IdempotentRequest) -> ColumnElement[bool]:
    return (IdempotentAnswer.workspace_id == request.workspace_id) & (IdempotentAnswer.key == request.key)
