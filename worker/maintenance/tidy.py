"""Tidying: expire abandoned uploads, finish interrupted ones, and remove leftover files."""

import shutil
import time
from datetime import timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.datasets import dataset_service, resumable_uploads
from app.http import idempotency
from app.http.work_apart import CPU_SECONDS, WAIT_FACTOR
from app.infra import removals
from app.infra.database import Database
from app.infra.errors import ApiError
from app.infra.settings import Settings
from app.infra.storage import EXPORTS, Storage
from app.tables import Audit, Dataset, DatasetFile, DatasetStatus, Upload
from worker.maintenance import retention

log = structlog.get_logger()
LEFTOVERS = ("checkpoint.pt", ".*.partial")
STALE_BODY_SECONDS = 3600
"""A plain body expires after `upload_idle_seconds`; a killed process left the files that are older."""
STALE_EXPORT_SECONDS = WAIT_FACTOR * CPU_SECONDS + 3600
"""A file that is written to be sent is done within the time of a process of its own, after it was fetched."""


def tidy(database: Database, storage: Storage, settings: Settings) -> None:
    """Finish complete uploads, delete abandoned ones, and remove deleted files."""
    _finish_uploads(database, storage, settings)
    with database.transaction() as session:
        _expire_uploads(session, storage)
        _expire_datasets(session, storage, settings)
        idempotency.forget_secrets(session)
        idempotency.delete_old_answers(session, older_than_seconds=settings.idempotency_seconds)
        retention.delete_old_rows(session, settings)
    _remove_stale_bodies(database, storage, settings)
    _remove_stale_exports(storage)
    _remove_leftovers(database, storage)
    left = removals.remove_due(database, storage)
    if left:
        log.warning("files could not be removed yet", folders=left)


def _finish_uploads(database: Database, storage: Storage, settings: Settings) -> None:
    """Put complete uploads into their dataset; a killed API may not have done it."""
    touched = Upload.expires_at - timedelta(seconds=settings.upload_expiry_seconds)
    quiet = func.now() - timedelta(seconds=settings.resend_seconds)
    complete = select(Upload).where(
        Upload.offset == Upload.size, Upload.finished_at.is_(None), touched < quiet
    )
    with database.transaction() as session:
        uploads = list(session.scalars(complete))
    for upload in uploads:
        try:
            resumable_uploads.complete(database, storage, upload)
            log.info("upload finished", upload=str(upload.id))
        except ApiError as error:
            log.warning("upload cannot be finished", upload=str(upload.id), error=str(error))


def _expire_uploads(session: Session, storage: Storage) -> None:
    for upload in session.scalars(delete(Upload).where(Upload.expires_at < func.now()).returning(Upload)):
        removals.schedule_removal(session, storage, resumable_uploads.locate_body(storage, upload))
        log.info("upload expired", upload=str(upload.id), dataset=str(upload.dataset_id))


def _expire_datasets(session: Session, storage: Storage, settings: Settings) -> None:
    """Delete datasets whose upload was never completed, after a time without activity."""
    old = func.now() - timedelta(seconds=settings.upload_expiry_seconds)
    touched = select(DatasetFile).where(DatasetFile.dataset_id == Dataset.id, DatasetFile.uploaded_at > old)
    uploading = select(Upload).where(Upload.dataset_id == Dataset.id)
    abandoned = select(Dataset.id).where(
        Dataset.status == DatasetStatus.UPLOADING,
        Dataset.created_at < old,
        ~touched.exists(),
        ~uploading.exists(),
    )
    for dataset_id in list(session.scalars(abandoned.with_for_update(skip_locked=True))):
        dataset_service.remove(session, dataset_id)
        removals.schedule_removal(session, storage, storage.locate_dataset(dataset_id))
        log.info("abandoned dataset deleted", dataset=str(dataset_id))


def _remove_stale_bodies(database: Database, storage: Storage, settings: Settings) -> None:
    """Delete partial bodies that a killed process left; those of resumable uploads expire with their rows."""
    oldest = time.time() - max(STALE_BODY_SECONDS, 2 * settings.upload_idle_seconds)
    stale = [path for path, status in storage.find("datasets/*/incoming/*") if status.st_mtime < oldest]
    with database.transaction() as session:
        kept = {identifier.hex for identifier in session.scalars(select(Upload.id))}
    for path in stale:
        if path.name not in kept:
            path.unlink(missing_ok=True)
            log.info("partial upload body deleted", path=str(path))


def _remove_stale_exports(storage: Storage) -> None:
    """Delete the folders of files that a killed API was writing to send them."""
    oldest = time.time() - STALE_EXPORT_SECONDS
    written = {path: status.st_mtime for path, status in storage.find(f"{EXPORTS}*")}
    for path, status in storage.find(f"{EXPORTS}*/*"):
        written[path.parent] = max(written.get(path.parent, 0.0), status.st_mtime)
    for folder, last in written.items():
        if last < oldest:
            shutil.rmtree(folder, ignore_errors=True)
            log.info("unfinished export deleted", path=str(folder))


def _remove_leftovers(database: Database, storage: Storage) -> None:
    """Delete checkpoints and partial files that killed and failed runs left in audits that have ended."""
    left = [path for pattern in LEFTOVERS for path, _ in storage.find(f"audits/*/runs/*/{pattern}")]
    with database.transaction() as session:
        statement = select(Audit.id).where(Audit.status.in_(audit_service.TERMINAL))
        ended = {str(identifier) for identifier in session.scalars(statement)}
    for path in left:
        if path.parents[2].name in ended:
            storage.remove(path)
            log.info("leftover deleted", path=str(path))
