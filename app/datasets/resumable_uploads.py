"""Resumable uploads: begun, continued by whoever knows the offset, and at last a file of their dataset."""

import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra.database import Database
from app.infra.errors import DigestMismatch, Gone, Invalid, NotFound, WrongState
from app.infra.storage import Storage
from app.tables import Dataset, Upload


def create(
    session: Session,
    dataset: Dataset,
    *,
    name: str,
    size: int,
    sha256: str | None,
    complete: bool,
    note: str,
    expiry_seconds: float,
    most: int,
) -> Upload:
    """Begin an upload of `size` bytes.

    Raises:
        WrongState: the dataset takes no more files.
        Invalid: the name cannot be a file's, or there are too many files or uploads.

    """
    dataset_service.require_uploading(dataset)
    dataset_service.check_file_name(session, dataset.id, name, most=most)
    open_ones = select(func.count()).where(Upload.dataset_id == dataset.id, Upload.finished_at.is_(None))
    if session.scalar(open_ones) >= most:  # type: ignore[operator]
        raise Invalid(f"a dataset takes at most {most} uploads at a time; finish or delete some")
    upload = Upload(
        dataset_id=dataset.id,
        name=name,
        size=size,
        sha256=sha256,
        complete=complete,
        note=note,
        expires_at=func.now() + timedelta(seconds=expiry_seconds),
    )
    session.add(upload)
    session.flush()
    session.refresh(upload)
    return upload


def get(session: Session, dataset_id: UUID, upload_id: UUID, *, lock: bool = False) -> Upload:
    """Return an upload, locked if asked.

    Raises:
        NotFound: no such dataset, or it has no such upload.
        Gone: it has expired.

    """
    dataset_service.get(session, dataset_id)
    upload = session.get(Upload, upload_id, with_for_update=lock or None, populate_existing=True)
    if upload is None or upload.dataset_id != dataset_id:
        raise NotFound(f"dataset {dataset_id} has no upload {upload_id}")
    if session.scalar(select(upload.expires_at < func.now())):
        raise Gone(f"upload {upload_id} was not gone on with and has expired; begin a new one")
    return upload


def claim(session: Session, upload: Upload, offset: int, *, expiry_seconds: float) -> int:
    """Let a request write from an offset on, and fence whatever request wrote before; return its number.

    Raises:
        WrongState: the dataset takes no more files, or the offset is not the upload's.

    """
    if upload.finished_at is None:
        dataset_service.require_uploading(dataset_service.get(session, upload.dataset_id))
    if offset != upload.offset:
        raise WrongState(
            f"the upload goes on at byte {upload.offset}, not at {offset}; ask for it with HEAD",
            offset=upload.offset,
        )
    upload.writer += 1
    upload.expires_at = func.now() + timedelta(seconds=expiry_seconds)
    session.flush()
    session.refresh(upload)
    return upload.writer


def advance(session: Session, upload_id: UUID, writer: int, offset: int) -> None:
    """Note that all bytes below an offset are on disk.

    Raises:
        WrongState: a newer request has taken over, or the upload was deleted.

    """
    statement = (
        update(Upload)
        .where(Upload.id == upload_id, Upload.writer == writer)
        .values(offset=offset)
        .returning(Upload.id)
    )
    if session.execute(statement).first() is None:
        raise WrongState("a newer request goes on with this upload, or it was deleted")


def complete(database: Database, files: Storage, upload: Upload) -> None:
    """Check a whole upload's digest and make it a file of its dataset; a second call changes nothing.

    Raises:
        DigestMismatch: it is not what was announced; it is deleted.
        NotFound: it was deleted meanwhile.
        WrongState: the dataset takes no more files.

    """
    bytes_at = locate_body(files, upload)
    try:
        found = _hash_file(bytes_at)
    except FileNotFoundError:
        return  # another request has completed it meanwhile
    if upload.sha256 not in {None, found}:
        with database.transaction() as session:
            remove(session, upload.id)
        bytes_at.unlink(missing_ok=True)
        raise DigestMismatch(
            f"the upload announced sha-256 {upload.sha256}, its bytes have {found}; it was deleted"
        )
    with database.transaction() as session:
        _register(session, files, upload.id, found)


def _register(session: Session, files: Storage, upload_id: UUID, sha256: str) -> None:
    upload = session.get(Upload, upload_id)
    if upload is None:
        raise NotFound(f"there is no upload {upload_id}")
    dataset = dataset_service.get(session, upload.dataset_id, lock=True)
    session.refresh(upload, with_for_update=True)
    if upload.finished_at is not None:
        return
    dataset_service.require_uploading(dataset)
    dataset_service.put_file(session, dataset, name=upload.name, size=upload.size, sha256=sha256)
    target = files.locate_upload(dataset.id, upload.name)
    files.move(locate_body(files, upload), target)
    upload.finished_at = func.now()
    if upload.complete:
        dataset_service.start_ingestion(session, dataset)


def locate_body(files: Storage, upload: Upload) -> Path:
    """Return where an upload's bytes lie until it is whole."""
    return files.locate_incoming(upload.dataset_id, upload.id.hex)


def _hash_file(file: Path) -> str:
    """Return a file's SHA-256, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def measure_room(session: Session, files: Storage, *, reserve_bytes: int) -> int:
    """Return the space for one more upload: what is free beyond the reserve and not promised to others."""
    open_ones = select(func.coalesce(func.sum(Upload.size - Upload.offset), 0)).where(
        Upload.finished_at.is_(None), Upload.expires_at > func.now()
    )
    return files.measure_free_bytes() - reserve_bytes - int(session.scalar(open_ones) or 0)


def remove(session: Session, upload_id: UUID) -> None:
    """Forget an upload; the caller deletes its bytes."""
    session.execute(delete(Upload).where(Upload.id == upload_id))
