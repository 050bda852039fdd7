"""An audit whose wrong labels are known."""

import pytest

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, Dataset
from tests.app.reviews.checks.checking import SAMPLES
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=SAMPLES)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    return store_finished_audit(database, dataset, sample_count=SAMPLES, expected_error_count=3.0)
