"""Resumable uploads: start, continue at an offset, complete as a file of a dataset."""

import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra.database import Database
from app.infra.errors import DigestMismatch, Gone, Invalid, NoSpace, NotFound, WrongState
from app.infra.storage import Storage
from app.tables import Dataset, DatasetFile, Upload, Workspace

COUNTING = 0x6C69_7175
"""The number of the lock under which a workspace's bytes are counted before a file is taken."""


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
    """Start an upload of `size` bytes.

    Raises:
        WrongState: the dataset accepts no more files.
        Invalid: the file name is not valid, or there are too many files or uploads.

    """
    dataset_service.require_uploading(dataset)
    dataset_service.check_file_name(session, dataset.id, name, most=most)
    open_uploads = select(func.count()).where(Upload.dataset_id == dataset.id, Upload.finished_at.is_(None))
    if session.scalar(open_uploads) >= most:  # type: ignore[operator]
        raise Invalid(f"a dataset can have at most {most} open uploads; finish or delete some")
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
    """Return an upload, optionally locked.

    Raises:
        NotFound: the dataset or its upload does not exist.
        Gone: the upload has expired.

    """
    dataset_service.get(session, dataset_id)
    upload = session.get(Upload, upload_id, with_for_update=lock or None, populate_existing=True)
    if upload is None or upload.dataset_id != dataset_id:
        raise NotFound(f"dataset {dataset_id} has no upload {upload_id}")
    if session.scalar(select(upload.expires_at < func.now())):
        raise Gone(f"upload {upload_id} was not continued in time and has expired; start a new one")
    return upload


def claim(session: Session, upload: Upload, offset: int, *, expiry_seconds: float) -> int:
    """Let a request write from an offset and fence earlier requests; return its writer number.

    Raises:
        WrongState: the dataset accepts no more files, or the upload has another offset.

    """
    if upload.finished_at is None:
        dataset_service.require_uploading(dataset_service.get(session, upload.dataset_id))
    if offset != upload.offset:
        raise WrongState(
            f"the upload continues at byte {upload.offset}, not at {offset}; HEAD returns its offset",
            offset=upload.offset,
        )
    upload.writer += 1
    upload.expires_at = func.now() + timedelta(seconds=expiry_seconds)
    session.flush()
    session.refresh(upload)
    return upload.writer


def advance(session: Session, upload_id: UUID, writer: int, offset: int) -> None:
    """Record that all bytes below an offset are on disk.

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
        raise WrongState("a newer request continues this upload, or it was deleted")


def complete(database: Database, files: Storage, upload: Upload) -> None:
    """Check a complete upload's digest and make it a file of its dataset; a second call changes nothing.

    Raises:
        DigestMismatch: the digest is not the announced one; the upload is deleted.
        NotFound: the upload was deleted meanwhile.
        WrongState: the dataset accepts no more files.

    """
    body_path = locate_body(files, upload)
    try:
        digest = _hash_file(body_path)
    except FileNotFoundError:
        return  # another request has completed it meanwhile
    if upload.sha256 not in {None, digest}:
        with database.transaction() as session:
            remove(session, upload.id)
        body_path.unlink(missing_ok=True)
        raise DigestMismatch(
            f"the upload announced sha-256 {upload.sha256}, its bytes have {digest}; it was deleted"
        )
    with database.transaction() as session:
        _register(session, files, upload.id, digest)


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
    """Return the path of an upload's bytes until it is complete."""
    return files.locate_incoming(upload.dataset_id, upload.id.hex)


def _hash_file(file: Path) -> str:
    """Return a file's SHA-256, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def measure_room(
    session: Session, files: Storage, *, reserve_bytes: int, workspace_max_bytes: int | None
) -> int:
    """Return the bytes free for one more upload: without the reserve and the rest of open uploads.

    It is at most what is left of the quota of the session's workspace. One of several workspaces can promise
    itself at most half of the room: the promise of an upload that never comes lasts for days.
    """
    open_uploads = select(func.coalesce(func.sum(Upload.size - Upload.offset), 0)).where(
        Upload.finished_at.is_(None), Upload.expires_at > func.now()
    )
    promised = int(session.scalar(open_uploads) or 0)
    room = files.measure_free_bytes() - reserve_bytes - promised
    if (session.scalar(select(func.count()).select_from(Workspace)) or 0) > 1:
        room = min(room, (room + promised) // 2 - _count_promised(session))
    if workspace_max_bytes is None:
        return room
    return min(room, workspace_max_bytes - _count_workspace_bytes(session))


def check_quota(session: Session, *, workspace_max_bytes: int | None) -> None:
    """Check a workspace's bytes after a file was registered, since several may have been admitted at once.

    Raises:
        NoSpace: they are above the quota.

    """
    if workspace_max_bytes is None:
        return
    session.execute(select(func.pg_advisory_xact_lock(COUNTING)))
    used = _count_workspace_bytes(session)
    if used > workspace_max_bytes:
        raise NoSpace(f"this workspace may store {workspace_max_bytes} bytes; with this file it has {used}")


def _count_promised(session: Session) -> int:
    """Return the bytes that open uploads of the session's workspace have still to send."""
    rest = (
        select(func.coalesce(func.sum(Upload.size - Upload.offset), 0))
        .join(Dataset, Dataset.id == Upload.dataset_id)
        .where(Upload.finished_at.is_(None), Upload.expires_at > func.now())
    )
    return int(session.scalar(rest) or 0)


def _count_workspace_bytes(session: Session) -> int:
    """Return the bytes of all uploads of the session's workspace, complete or promised."""
    stored = select(func.coalesce(func.sum(DatasetFile.bytes), 0)).join(
        Dataset, Dataset.id == DatasetFile.dataset_id
    )
    promised = (
        select(func.coalesce(func.sum(Upload.size), 0))
        .join(Dataset, Dataset.id == Upload.dataset_id)
        .where(Upload.finished_at.is_(None), Upload.expires_at > func.now())
    )
    return int(session.scalar(stored) or 0) + int(session.scalar(promised) or 0)


def remove(session: Session, upload_id: UUID) -> None:
    """Delete an upload's row; the caller deletes its bytes."""
    session.execute(delete(Upload).where(Upload.id == upload_id))
