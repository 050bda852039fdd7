"""Who may do what, and who did."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.tables.table_base import Base, Identified, Json, restrict_to


class Scope(StrEnum):
    """What a key may do; each includes the one before."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Workspace(Identified, Base):
    """What keys open: a key sees the objects of its workspace and no others."""

    __tablename__ = "workspaces"

    name: Mapped[str] = mapped_column(unique=True)


# Made by the migration: holds what was stored before there were workspaces, and serves without keys.
DEFAULT_WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")


class Owned:
    """What belongs to a workspace; `app.infra.workspace_scope` keeps it from the sessions of others."""

    @declared_attr
    @classmethod
    def workspace_id(cls) -> Mapped[UUID]:
        """Return the owner's column."""
        return mapped_column(
            ForeignKey(Workspace.id, ondelete="RESTRICT"), server_default=text(f"'{DEFAULT_WORKSPACE}'")
        )


class ApiKey(Identified, Base):
    """A bearer key. Only its SHA-256 is kept."""

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
    """A browser that showed a key: it carries a cookie instead, which is good for as long as the key is."""

    __tablename__ = "logins"

    key_id: Mapped[UUID] = mapped_column(ForeignKey(ApiKey.id, ondelete="CASCADE"), index=True)
    hash: Mapped[bytes] = mapped_column(unique=True, comment="SHA-256 of the cookie")
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Activity(Identified, Owned, Base):
    """Somebody's change, or attempt at one: who, what, when, and how it was answered."""

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
    """What a POST with an Idempotency-Key was answered; a repetition gets it again."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (PrimaryKeyConstraint("workspace_id", "key"),)

    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(comment="SHA-256 of all that the request said")
    status: Mapped[int | None] = mapped_column(comment="null only within the transaction that does the work")
    headers: Mapped[Json | None]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class TotalName(StrEnum):
    """What is counted for good."""

    LEASE_LOSSES = "lease_losses"
    INGEST_FAILURES = "ingest_failures"


class Total(Base):
    """A count that only grows; rows may be deleted, it stays."""

    __tablename__ = "totals"

    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True, comment="table of the lease, code of the rejection")
    value: Mapped[int] = mapped_column(BigInteger)
