"""Ingestion, training and finishing as jobs, as tests have them done: an upload, an audit, what is stored."""

from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, select

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.datasets import dataset_service
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, Dataset, FeatureShard, Run, ShardStatus
from worker.features import shard_job
from worker.finish.finishing_job import finish
from worker.train.training_job import execute

Row = TypeVar("Row")
SMALL = {"network": "mnist_cnn", "input_size": 28, "epochs": 3, "batch_size": 32, "method": "limit_g"}


def store_upload(database: Database, storage: Storage, file: Path, **options: object) -> Dataset:
    with database.transaction() as session:
        dataset = dataset_service.create(session, name="digits", options=dict(options))
        dataset_service.put_file(session, dataset, name=file.name, size=file.stat().st_size, sha256="")
        target = storage.locate_upload(dataset.id, file.name)
        target.parent.mkdir(parents=True)
        target.write_bytes(file.read_bytes())
        session.flush()
        dataset_service.start_ingestion(session, dataset)
    return dataset


def read_row(database: Database, table: type[Row], identifier: UUID) -> Row:
    with database.transaction() as session:
        return session.get_one(table, identifier)


def count_rows(database: Database, table: type[object]) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def plan_audit(database: Database, dataset: Dataset, **configuration: object) -> tuple[Audit, list[Run]]:
    with database.transaction() as session:
        audit = audit_service.create(
            session,
            dataset,
            name=None,
            configuration=AuditConfiguration.read({**SMALL, **configuration}),
        )
        return audit, audit_service.list_runs(session, [audit.id])[audit.id]


def compute_features(database: Database, storage: Storage, chosen: Settings) -> int:
    """Compute every shard that waits, and return how many there were."""
    with database.transaction() as session:
        queued = list(
            session.scalars(select(FeatureShard.id).where(FeatureShard.status == ShardStatus.QUEUED))
        )
    for shard_id in queued:
        shard_job.execute(database, storage, chosen, shard_id)
    return len(queued)


def train_and_finish(
    database: Database, storage: Storage, chosen: Settings, audit: Audit, runs: list[Run]
) -> Audit:
    for run in runs:
        execute(database, storage, chosen, run.id)
        if compute_features(database, storage, chosen):
            execute(database, storage, chosen, run.id)
    finish(database, storage, audit.id)
    return read_row(database, Audit, audit.id)
