"""Parts shared by all tables: constraint names, ids, leases."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Base class; every constraint gets a name that migrations can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - declared so by SQLAlchemy
        str: Text,
        datetime: DateTime(timezone=True),
        Json: JSONB,
        list[str]: JSONB,
        float: REAL,
    }


def restrict_to(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return a constraint that allows only these values in a column."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Identified:
    """An id that PostgreSQL generates as UUIDv7 (RFC 9562): ids sort by creation time."""

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Leased:
    """Work that one worker holds at a time: claimed by one UPDATE, renewed and fenced by its attempt."""

    attempt: Mapped[int] = mapped_column(server_default="0", comment="claims so far; fences late writers")
    lapses: Mapped[int] = mapped_column(
        server_default="0", comment="leases that ran out; bounded by max_attempts"
    )
    lease_until: Mapped[datetime | None] = mapped_column(comment="null: nobody holds it")
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="when it was last queued")
