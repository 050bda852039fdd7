"""What jobs are tested with."""

from pathlib import Path

import pytest

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.made import digits_zip
from tests.worker.jobs import read, uploaded
from worker.ingest.ingestion_job import ingest


@pytest.fixture
def digits(database: Database, storage: Storage, chosen: Settings, tmp_path: Path) -> Dataset:
    dataset = uploaded(database, storage, digits_zip(tmp_path / "digits.zip"))
    ingest(database, storage, chosen, dataset.id)
    return read(database, Dataset, dataset.id)
