"""Doing a request once: its answer is stored with its effect, and given again to whoever repeats it."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.errors import Invalid
from app.tables import IdempotentAnswer


@dataclass(frozen=True, kw_only=True)
class IdempotentRequest:
    """A request that is to be done once: whose it is, the key it carries, and a digest of all it says."""

    workspace_id: UUID
    key: str
    fingerprint: bytes


def claim(session: Session, once: IdempotentRequest) -> IdempotentAnswer | None:
    """Take a key for this transaction, or return the answer that an earlier request was given.

    While another transaction holds the key, this one waits for its end.

    Raises:
        Invalid: the key came with another request before.

    """
    taken = insert(IdempotentAnswer).values(
        workspace_id=once.workspace_id, key=once.key, fingerprint=once.fingerprint
    )
    if session.scalars(taken.on_conflict_do_nothing().returning(IdempotentAnswer.key)).first() is not None:
        return None
    stored = session.scalars(select(IdempotentAnswer).where(_match_key(once))).one()
    if stored.fingerprint != once.fingerprint:
        raise Invalid("this Idempotency-Key was used for another request; make a new key for a new request")
    session.expunge(stored)  # it outlives this transaction, which has nothing left to do
    return stored


def store_answer(
    session: Session, once: IdempotentRequest, *, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Store the answer to a claimed key; it holds if the transaction does."""
    values = {"status": status, "headers": headers, "body": body}
    session.execute(update(IdempotentAnswer).where(_match_key(once)).values(**values))


def delete_old_answers(session: Session, *, older_than_seconds: float) -> int:
    """Delete old answers and return how many."""
    old = IdempotentAnswer.created_at < func.now() - timedelta(seconds=older_than_seconds)
    return len(session.scalars(delete(IdempotentAnswer).where(old).returning(IdempotentAnswer.key)).all())


def _match_key(once: IdempotentRequest) -> ColumnElement[bool]:
    return (IdempotentAnswer.workspace_id == once.workspace_id) & (IdempotentAnswer.key == once.key)
