"""A quick look whether the API answers as its OpenAPI document says; `make hostile` looks for longer."""

import contextlib
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access import keys
from app.embedded import embedded_broker
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings
from app.tables import Scope
from tests.builders.full_workspace import store_full_workspace
from tests.hostile import contract

HOUSES = 3


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def broker_url(open_folder: Path) -> Iterator[str]:
    path = open_folder / "redis"
    command = [str(embedded_broker.find_program()), "--port", "0", "--unixsocket", str(path), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)
    yield f"redis+socket://{path}"
    process.terminate()
    process.wait()


@pytest.mark.filterwarnings("ignore")  # generated requests are remarked on by the libraries that send them
@pytest.mark.parametrize("who", ["without keys", "admin", "nobody"])
def test_every_answer_is_one_that_the_document_knows(
    api: TestClient, chosen: Settings, database: Database, storage: Storage, broker_url: str, *, who: str
) -> None:
    has_keys = who != "without keys"
    asking = {
        "authentication": "keys" if has_keys else "none",
        "broker_url": broker_url,
        "requests_per_second": 1e6,
    }
    told = chosen.model_copy(update=asking)
    api.app.dependency_overrides[provide_settings] = lambda: told  # type: ignore[attr-defined]
    made = [store_full_workspace(database, storage) for _ in range(HOUSES)]
    with database.transaction() as session:
        secret = keys.create(session, name="a", scope=Scope.ADMIN, expires_at=None)[1]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        with served(api.app) as url:  # type: ignore[arg-type]
            found = contract.examine(
                url,
                ids={f"{name}_id": [one[name] for one in made] for name in made[0]},
                key=secret if who == "admin" else None,
                has_keys=has_keys,
                examples=3 if who == "admin" else 2,
                phases=["examples", "fuzzing"],
            )
    finally:
        structlog.reset_defaults()
    assert not found.failures, "\n\n".join(found.failures[:10])
    assert found.requests > 100
    assert (found.succeeded > 20) == (who != "nobody"), found.statuses
