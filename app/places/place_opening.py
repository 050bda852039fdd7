"""Which places may be read, and with whose credentials."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.http import outbound_requests
from app.infra.settings import Settings
from app.places import hub_tokens
from app.places.hub_repository import parse_address
from app.places.place_access import Access
from app.places.place_types import UnusablePlace
from app.tables import BucketAccess, Dataset, Json

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
"""Names of buckets become a part of a host's name, where other characters could name another host."""
FORMS = (
    "a folder of the server, s3://bucket/prefix, hf://datasets/OWNER/NAME, or the http(s) address of a table"
    " of addresses"
)


def describe_place(text: str, settings: Settings) -> Json:
    """Return kind and URL of a place that a user names, as they are stored with a dataset.

    Raises:
        UnusablePlace: it is no place, or a folder that is not allowed.
        ForbiddenAddress: an http(s) address that this service does not call.

    """
    try:
        parts = urlsplit(text)
    except ValueError:  # such as http://[
        raise UnusablePlace(f"expected {FORMS}; found {text!r}") from None
    scheme = parts.scheme
    if scheme == "s3" and BUCKET.fullmatch(parts.netloc):
        return {"kind": "bucket", "url": text.rstrip("/")}
    if scheme == "hf":
        parse_address(text)
        return {"kind": "hub", "url": text.rstrip("/")}
    if scheme in {"http", "https"}:
        outbound_requests.check_url(text, allow_private=settings.outbound_private)
        return {"kind": "table", "url": text}
    if text.startswith("/"):
        return {"kind": "folder", "url": str(_require_allowed(Path(text), settings))}
    raise UnusablePlace(f"expected {FORMS}; found {text!r}")


def find_access(session: Session, dataset: Dataset, settings: Settings) -> Access:
    """Return how a dataset's workspace reads its place; what is allowed is checked again.

    Raises:
        UnusablePlace: the folder or the bucket's server is not allowed, or no longer.

    """
    place = dataset.place or {}
    kind, url = place["kind"], place["url"]
    if kind == "folder":
        return Access(kind=kind, url=str(_require_allowed(Path(url), settings)))
    if kind == "table":
        return Access(kind=kind, url=url, allow_private=settings.outbound_private)
    if kind == "hub":
        return Access(
            kind=kind,
            url=url,
            endpoint=settings.hub_endpoint,
            secret=hub_tokens.find_token(session, dataset.workspace_id),
            allow_private=settings.outbound_private,
        )
    statement = select(BucketAccess).where(
        BucketAccess.workspace_id == dataset.workspace_id, BucketAccess.bucket == urlsplit(url).netloc
    )
    found = session.scalar(statement)
    if found is None:
        return Access(kind=kind, url=url)
    require_endpoint(found.endpoint, settings)
    return Access(
        kind=kind,
        url=url,
        endpoint=found.endpoint,
        region=found.region,
        key_id=found.key_id,
        secret=found.secret,
    )


def require_endpoint(endpoint: str | None, settings: Settings) -> None:
    """Raise UnusablePlace unless an S3 server may be called."""
    allowed = [each.rstrip("/") for each in settings.place_endpoints]
    if endpoint is not None and endpoint.rstrip("/") not in allowed:
        raise UnusablePlace(
            f"the server {endpoint!r} is not allowed; whoever operates this service allows it with"
            " LIMIT_AUDIT_PLACE_ENDPOINTS"
        )


def _require_allowed(folder: Path, settings: Settings) -> Path:
    """Return the folder without links; UnusablePlace unless it lies in one that is allowed."""
    resolved = folder.resolve()
    if not any(resolved.is_relative_to(root.resolve()) for root in settings.place_folders):
        raise UnusablePlace(
            f"the folder {str(folder)!r} is not allowed; whoever operates this service allows folders with"
            " LIMIT_AUDIT_PLACE_FOLDERS"
        )
    return resolved
