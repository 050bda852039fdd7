"""How a workspace reads buckets: server, region and key of each."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, NotFound
from app.tables import BucketAccess

MOST = 50
"""Buckets of one workspace."""


def put_access(
    session: Session,
    bucket: str,
    *,
    endpoint: str | None,
    region: str | None,
    key_id: str | None,
    secret: str | None,
) -> BucketAccess:
    """Store how a bucket is read; it replaces what was stored.

    Raises:
        Invalid: a key without its secret, or the reverse; or there are too many buckets.

    """
    if (key_id is None) != (secret is None):
        raise Invalid("expected both key_id and secret, or neither for a bucket that everybody may read")
    found = session.scalar(select(BucketAccess).where(BucketAccess.bucket == bucket))
    if found is None:
        if (session.scalar(select(func.count()).select_from(BucketAccess)) or 0) >= MOST:
            raise Invalid(f"there can be at most {MOST} buckets; delete one first")
        found = BucketAccess(bucket=bucket)
        session.add(found)
    found.endpoint, found.region, found.key_id, found.secret = endpoint, region, key_id, secret
    session.flush()
    session.refresh(found)
    return found


def list_accesses(session: Session) -> Sequence[BucketAccess]:
    """Return the buckets in order of their names."""
    return session.scalars(select(BucketAccess).order_by(BucketAccess.bucket)).all()


def remove_access(session: Session, bucket: str) -> None:
    """Delete how a bucket is read; datasets in it can then be read without a signature at most.

    Raises:
        NotFound: nothing is stored for this bucket.

    """
    found = session.scalar(select(BucketAccess.id).where(BucketAccess.bucket == bucket))
    if found is None:
        raise NotFound(f"nothing is stored for the bucket {bucket!r}")
    session.execute(delete(BucketAccess).where(BucketAccess.id == found))
