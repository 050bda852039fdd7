"""Deletion of files: rows and a removal note go in one transaction; files are deleted later, with retries."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Removal


def schedule_removal(session: Session, files: Storage, folder: Path, *, after_seconds: float = 0) -> None:
    """Schedule the deletion of a folder or file, in the transaction that deletes its rows."""
    key = folder.relative_to(files.root).as_posix()
    due_at = func.now() + timedelta(seconds=after_seconds)
    session.execute(insert(Removal).values(folder=key, due_at=due_at).on_conflict_do_nothing())


def remove_due(database: Database, files: Storage) -> list[str]:
    """Delete all due folders and files; return those that still exist and will be retried."""
    due = select(Removal.folder).where(Removal.due_at <= func.now())
    with database.transaction() as session:
        scheduled = list(session.scalars(due.order_by(Removal.created_at)))
    for folder in scheduled:
        files.remove(files.root / folder)
    removed = [folder for folder in scheduled if not (files.root / folder).exists()]
    with database.transaction() as session:
        session.execute(delete(Removal).where(Removal.folder.in_(removed)))
    return [folder for folder in scheduled if folder not in removed]
