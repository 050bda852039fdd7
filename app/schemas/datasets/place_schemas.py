"""Requests and answers about places: buckets, and what differs in a dataset's place."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from app.schemas.datasets.dataset_schemas import DatasetOut, PlaceCheckOut
from app.schemas.request_schemas import Name, Request


class BucketRequest(Request):
    """How a bucket is read."""

    endpoint: Name | None = Field(
        default=None, description="URL of an S3 server other than AWS's, which the operator has allowed"
    )
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]{1,40}$",
        description="such as eu-central-1; it is a part of AWS's host name",
    )
    key_id: Name | None = Field(default=None, description="access key; omitted: read without a signature")
    secret: SecretStr | None = Field(default=None, max_length=500, description="of the access key")


class BucketOut(BaseModel):
    """How a bucket is read; the secret is never shown."""

    model_config = ConfigDict(from_attributes=True)

    bucket: str
    endpoint: str | None
    region: str | None
    key_id: str | None
    created_at: datetime


class HubTokenRequest(Request):
    """The token with which datasets of the hub are read."""

    token: SecretStr = Field(
        min_length=1, max_length=500, description="one that may read is enough; it goes to the hub alone"
    )


class HubTokenOut(BaseModel):
    """Whether a token is stored; it is never shown."""

    created_at: datetime | None = Field(description="when one was first stored; null: there is none")


class DifferencesOut(PlaceCheckOut):
    """What differs between a dataset and its place, and what was done."""

    dataset_id: UUID = Field(description="the newest version that was read from the place: it was compared")
    version: DatasetOut | None = Field(
        description="the version that is read from the place now; null: nothing differs, or only compared"
    )
