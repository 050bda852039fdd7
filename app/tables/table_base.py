"""What all tables share: names of constraints, ids, leases."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Gives every constraint a name that a migration can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        str: Text,
        datetime: DateTime(timezone=True),
        Json: JSONB,
        list[str]: JSONB,
        float: REAL,
    }


def restrict_to(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return the constraint that holds a column to these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Identified:
    """A UUIDv7 (RFC 9562) made by PostgreSQL: ids sort by creation."""

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Leased:
    """Work that one worker at a time holds: claimed by one UPDATE, renewed and fenced by attempt."""

    attempt: Mapped[int] = mapped_column(server_default="0", comment="claims so far; fences late writers")
    lapses: Mapped[int] = mapped_column(
        server_default="0", comment="leases that ran out; bounded by max_attempts"
    )
    lease_until: Mapped[datetime | None] = mapped_column(comment="null: nobody holds it")
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="when it was last queued")
