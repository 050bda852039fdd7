"""Tables of access: workspaces, keys, logins, activities, idempotent answers, totals."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.tables.table_base import Base, Identified, Json, restrict_to


class Scope(StrEnum):
    """Permissions of a key; each includes the one before."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Workspace(Identified, Base):
    """A group of objects: a key has access only to the objects of its workspace."""

    __tablename__ = "workspaces"

    name: Mapped[str] = mapped_column(unique=True)
    reading_turn_at: Mapped[datetime | None] = mapped_column(
        comment="when an upload of it was last taken to be read; null: never"
    )
    consensus_turn_at: Mapped[datetime | None] = mapped_column(
        comment="when a consensus of its annotators was last begun; null: never"
    )


# Created by a migration: it owns older objects, and is used without keys.
DEFAULT_WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")


class Owned:
    """Rows of a workspace; `app.infra.workspace_scope` hides them from sessions of other workspaces."""

    @declared_attr
    @classmethod
    def workspace_id(cls) -> Mapped[UUID]:
        """Return the owner's column."""
        return mapped_column(
            ForeignKey(Workspace.id, ondelete="RESTRICT"), server_default=text(f"'{DEFAULT_WORKSPACE}'")
        )


class ApiKey(Identified, Base):
    """A bearer key. Only its SHA-256 is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (restrict_to("scope", Scope),)

    workspace_id: Mapped[UUID] = mapped_column(
        ForeignKey(Workspace.id, ondelete="RESTRICT"), server_default=text(f"'{DEFAULT_WORKSPACE}'")
    )
    name: Mapped[str]
    scope: Mapped[str]
    hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256 of the key")
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Login(Identified, Base):
    """A browser session: a cookie in place of a key, valid no longer than the key."""

    __tablename__ = "logins"

    key_id: Mapped[UUID] = mapped_column(ForeignKey(ApiKey.id, ondelete="CASCADE"), index=True)
    hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256 of the cookie")
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Activity(Identified, Owned, Base):
    """A change or an attempted change: who, what, when, and the status of the answer."""

    __tablename__ = "activities"
    __table_args__ = (
        Index("ix_activities_workspace_id_id", "workspace_id", "id"),
        Index("ix_activities_created_at", "created_at"),
    )

    actor: Mapped[str] = mapped_column(comment="name of the key, or local")
    key_id: Mapped[UUID | None] = mapped_column(comment="null: no key was asked for")
    action: Mapped[str] = mapped_column(comment="method and route, or command")
    objects: Mapped[Json] = mapped_column(comment="ids in the path")
    client: Mapped[str | None] = mapped_column(comment="address it came from")
    request_id: Mapped[str | None]
    status: Mapped[int | None] = mapped_column(comment="of the answer; null: the process ended before it")


class IdempotentAnswer(Owned, Base):
    """The answer to a POST with an Idempotency-Key; a retry gets the same answer."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (PrimaryKeyConstraint("workspace_id", "key"),)

    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(comment="SHA-256 of all that the request said")
    status: Mapped[int | None] = mapped_column(comment="null only within the transaction that does the work")
    headers: Mapped[Json | None]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class TotalName(StrEnum):
    """Names of totals."""

    LEASE_LOSSES = "lease_losses"
    INGEST_FAILURES = "ingest_failures"


class Total(Base):
    """A counter that only grows, also when the counted rows are deleted."""

    __tablename__ = "totals"

    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, comment="table of the lease, code of the rejection")
    value: Mapped[int] = mapped_column(BigInteger)
