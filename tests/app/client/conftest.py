"""The client with the API in its own process behind it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.client import Audit, Client
from app.infra.database import Database
from app.infra.storage import Storage
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset


@pytest.fixture
def client(api: TestClient) -> Iterator[Client]:
    with Client("http://127.0.0.1") as opened:
        opened._http.close()  # noqa: SLF001
        opened._http = api  # type: ignore[assignment]  # noqa: SLF001
        yield opened


@pytest.fixture
def audit(client: Client, database: Database, storage: Storage) -> Audit:
    made = store_finished_audit(database, store_ready_dataset(database, storage))
    return client.get_audit(str(made.id))
