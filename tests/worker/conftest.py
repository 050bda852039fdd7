"""What jobs are tested with."""

from pathlib import Path

import pytest

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.builders.pictures import write_digits_zip
from tests.worker.job_steps import read_row, store_upload
from worker.ingest.ingestion_job import ingest


@pytest.fixture
def digits(database: Database, storage: Storage, chosen: Settings, tmp_path: Path) -> Dataset:
    dataset = store_upload(database, storage, write_digits_zip(tmp_path / "digits.zip"))
    ingest(database, storage, chosen, dataset.id)
    return read_row(database, Dataset, dataset.id)
