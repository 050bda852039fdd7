"""Tables of the credentials for places: buckets, and the hub."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.access_tables import Owned
from app.tables.table_base import Base, Identified


class BucketAccess(Identified, Owned, Base):
    """How a workspace reads a bucket."""

    __tablename__ = "bucket_accesses"
    __table_args__ = (UniqueConstraint("workspace_id", "bucket"),)

    bucket: Mapped[str]
    endpoint: Mapped[str | None] = mapped_column(comment="URL of a server other than AWS's")
    region: Mapped[str | None]
    key_id: Mapped[str | None] = mapped_column(comment="null: the bucket is read without a signature")
    secret: Mapped[str | None] = mapped_column(comment="signs requests, so that it must be kept in the clear")


class HubToken(Identified, Owned, Base):
    """The token with which a workspace reads datasets of the hub."""

    __tablename__ = "hub_tokens"
    __table_args__ = (UniqueConstraint("workspace_id"),)

    token: Mapped[str] = mapped_column(comment="is sent with requests, so that it must be kept in the clear")
