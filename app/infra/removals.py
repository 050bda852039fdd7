"""Deleting for good: rows and a promise in one transaction, then the files, tried until they are gone."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Removal


def schedule_removal(session: Session, files: Storage, folder: Path, *, after_seconds: float = 0) -> None:
    """Note in the transaction that deletes a folder's rows, or forgets a file, that it is to go."""
    key = folder.relative_to(files.root).as_posix()
    due_at = func.now() + timedelta(seconds=after_seconds)
    session.execute(insert(Removal).values(folder=key, due_at=due_at).on_conflict_do_nothing())


def remove_due(database: Database, files: Storage) -> list[str]:
    """Remove all folders and files that are due; return those that are still there, for another time."""
    due = select(Removal.folder).where(Removal.due_at <= func.now())
    with database.transaction() as session:
        promised = list(session.scalars(due.order_by(Removal.created_at)))
    for folder in promised:
        files.remove(files.root / folder)
    gone = [folder for folder in promised if not (files.root / folder).exists()]
    with database.transaction() as session:
        session.execute(delete(Removal).where(Removal.folder.in_(gone)))
    return [folder for folder in promised if folder not in gone]
