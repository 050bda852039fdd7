"""What reading a place needs, and opening it; without the database, so that the process that reads can."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.infra.bucket import Bucket
from app.places.bucket_place import BucketPlace
from app.places.folder_place import FolderPlace
from app.places.hub_place import PATIENCE_SECONDS, HubPlace, find_endpoint
from app.places.place_types import Place
from app.places.web_place import WebPlace

Kind = Literal["folder", "bucket", "table", "hub"]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Everything that reading a place needs; plain values, so that another process can be given them."""

    kind: Kind
    url: str
    endpoint: str | None = None
    region: str | None = None
    key_id: str | None = None
    secret: str | None = None
    allow_private: bool = False


def open_place(access: Access, *, is_patient: bool = False) -> Place:
    """Return a place for reading; nothing is read yet.

    `is_patient`: a hub that limits requests is waited for; for jobs, not for requests of people.
    """
    if access.kind == "folder":
        return FolderPlace(Path(access.url))
    if access.kind == "table":
        return WebPlace(access.url, allow_private=access.allow_private)
    if access.kind == "hub":
        return HubPlace(
            access.url,
            endpoint=access.endpoint or find_endpoint(),
            token=access.secret,
            allow_private=access.allow_private,
            patience_seconds=PATIENCE_SECONDS if is_patient else 0,
        )
    bucket = Bucket(
        access.url,
        endpoint=access.endpoint,
        region=access.region or "us-east-1",
        key_id=access.key_id,
        secret=access.secret,
        is_foreign=True,
    )
    return BucketPlace(bucket, access.url)
