"""Datasets that are made from the uploaded files of another one: both share their bytes on disk."""

from sqlalchemy.orm import Session

from app.datasets import dataset_service, resumable_uploads
from app.infra.errors import WrongState
from app.infra.storage import Storage
from app.tables import Dataset, DatasetStatus


def read_files_again(
    session: Session, storage: Storage, source: Dataset, target: Dataset, *, workspace_max_bytes: int | None
) -> None:
    """Give a new dataset the files of another, and start its ingestion.

    Raises:
        WrongState: the other dataset is not read yet, or a file of it is no longer stored.
        NoSpace: the files, which count for both, are above the workspace's quota.

    """
    if source.status not in {DatasetStatus.READY, DatasetStatus.REJECTED}:
        raise WrongState(f"only a dataset that was read can be read again, this one is {source.status}")
    share_files(session, storage, source, target, workspace_max_bytes=workspace_max_bytes)
    dataset_service.start_ingestion(session, target)


def share_files(
    session: Session, storage: Storage, source: Dataset, target: Dataset, *, workspace_max_bytes: int | None
) -> None:
    """Give a dataset the uploaded files of another; nothing is left on disk if that fails.

    Raises:
        WrongState: a file is no longer stored.
        NoSpace: the files, which count for both, are above the workspace's quota.

    """
    files = dataset_service.list_files(session, [source.id])[source.id]
    for file in files:
        dataset_service.put_file(session, target, name=file.name, size=file.bytes, sha256=file.sha256)
    session.flush()
    resumable_uploads.check_quota(session, workspace_max_bytes=workspace_max_bytes)
    try:
        for file in files:
            _link_file(storage, source, target, file.name)
    except BaseException:
        storage.remove(storage.locate_dataset(target.id))
        raise


def _link_file(storage: Storage, source: Dataset, target: Dataset, name: str) -> None:
    try:
        storage.copy(storage.locate_upload(source.id, name), storage.locate_upload(target.id, name))
    except FileNotFoundError as error:
        raise WrongState(f"{name!r} is no longer stored; upload it again") from error
