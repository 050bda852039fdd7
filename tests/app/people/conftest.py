"""A dataset, its finished audit, and people who review it."""

import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, Dataset
from tests.app.people.conversation import SAMPLES, People
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=SAMPLES)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    return store_finished_audit(database, dataset, sample_count=SAMPLES)


@pytest.fixture
def people(api: TestClient, dataset: Dataset, audit: Audit) -> People:
    return People(api, dataset, audit)
