"""The API as a client on this machine sees it, on the test's own database and folder."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.database import Database
from app.database import database as get_database
from app.main import create_app
from app.settings import Settings
from app.settings import settings as get_settings
from app.storage import Storage
from app.storage import storage as get_storage


@pytest.fixture
def api(database: Database, storage: Storage, chosen: Settings) -> Iterator[TestClient]:
    app = create_app()
    app.dependency_overrides = {
        get_database: lambda: database,
        get_storage: lambda: storage,
        get_settings: lambda: chosen,
    }
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
        yield client
