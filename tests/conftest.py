"""A real, migrated PostgreSQL for the whole test session; every test begins with empty tables."""

import gc
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, delete, text

from app.infra.database import Database
from app.infra.queue import Task
from app.infra.schema_upgrade import make_configuration
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.main import create_app
from app.routes.shared.callers import provide_database as get_database
from app.routes.shared.callers import provide_settings as get_settings
from app.routes.shared.dependencies import provide_storage as get_storage
from app.tables import Base
from tests import patience, run_folder

# The worker's modules read the settings when they are imported; tests that need a service start their own.
os.environ |= {
    "OMP_NUM_THREADS": "1",  # networks this small only wait for each other's threads
    "OMP_WAIT_POLICY": "PASSIVE",  # before torch is loaded: spinning threads starve the servers beside them
    "LIMIT_AUDIT_DATABASE_URL": "postgresql+psycopg://nowhere/nothing",
    "LIMIT_AUDIT_BROKER_URL": "redis://nowhere",
    "LIMIT_AUDIT_STORAGE_DIR": "/nonexistent",
    "LIMIT_AUDIT_AUTHENTICATION": "none",
    "LIMIT_AUDIT_LOG_FORMAT": "text",
}
for name in ("LIMIT_AUDIT_SERVER", "LIMIT_AUDIT_KEY", "LIMIT_AUDIT_HOME"):
    os.environ.pop(name, None)
# Without compiled files each of the many processes that tests start would compile all our modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

FOLDER = run_folder.join_or_open()  # before anything is imported that asks for a temporary folder
os.environ["XDG_STATE_HOME"] = str(FOLDER / "state")  # services of tests are announced there
from app.embedded import embedded_postgres  # noqa: E402 - after the folder is made

END_TO_END = Path(__file__).with_name("end_to_end")
SERVICE = "service"
SERVICE_FIXTURES = frozenset({"postgres_url", "open_folder"})
"""What every test of a service that this project starts has among its fixtures."""
TEST_SECONDS = 300
EMPTY_TABLES = (
    "SET LOCAL session_replication_role = replica",  # no checks of references: every row goes
    *(str(delete(table)) for table in Base.metadata.sorted_tables if table.name != "workspaces"),
    "DELETE FROM workspaces WHERE name <> 'default'",
    "UPDATE workspaces SET reading_turn_at = NULL, consensus_turn_at = NULL",
)
"""A millisecond; TRUNCATE writes new files for every table and takes a tenth of a second."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest's temporary files in the run's folder, and give every test the time of a busy machine."""
    config.addinivalue_line(
        "markers",
        f"{SERVICE}: needs PostgreSQL or another running service, or processes that talk (set by itself)",
    )
    if config.option.basetemp is None:
        config.option.basetemp = str(FOLDER / "pytest")
    if config.option.timeout is None:
        config.option.timeout = patience.scale(TEST_SECONDS)
    if _is_quick(config):
        _refuse_servers()


def _is_quick(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == f"not {SERVICE}")


def _refuse_servers() -> None:
    """Let a test without the mark fail where it serves at an address."""
    listen = socket.socket.listen

    def refuse(self: socket.socket, *arguments: int) -> None:
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"a test that serves at an address needs the mark {SERVICE!r}")
        listen(self, *arguments)

    socket.socket.listen = refuse  # type: ignore[assignment,method-assign]  # for the whole session


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a test has left a process running."""
    lasting = run_folder.find_lasting(FOLDER) if run_folder.is_owner(FOLDER) else []
    for process in lasting:
        sys.stderr.write(f"\na test has left a process running: {process}\n")
    if lasting:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage in what is loaded here, neither now nor later: it stays as long as the process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a service, and begin with those that take longest.

    So neither of two processes has a long one left at the end.
    """
    for item in items:
        if SERVICE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(SERVICE)
    items.sort(key=lambda item: not item.path.is_relative_to(END_TO_END))


@pytest.fixture(scope="session")
def open_folder(pytestconfig: pytest.Config) -> Iterator[Path]:
    """Return a folder for services."""
    assert not _is_quick(pytestconfig), f"a test that uses a service needs the mark {SERVICE!r}"
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(open_folder: Path) -> Iterator[str]:
    with embedded_postgres.run_postgres(open_folder) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> str:
    engine = create_engine(postgres_url)
    config = make_configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    return postgres_url


@pytest.fixture
def sent() -> list[tuple[Task, UUID]]:
    """Return the messages that were sent after commits."""
    return []


@pytest.fixture
def database(migrated_url: str, sent: list[tuple[Task, UUID]]) -> Iterator[Database]:
    opened = Database(migrated_url, lambda task, identifier, *_: sent.append((task, identifier)), pool_size=6)
    yield opened
    with opened.engine.begin() as connection:
        connection.execute(text("; ".join(EMPTY_TABLES)))
    opened.dispose()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "files")


@pytest.fixture
def chosen(migrated_url: str, storage: Storage) -> Settings:
    return Settings(
        database_url=migrated_url,
        broker_url="redis+socket:///nonexistent/redis",
        storage_dir=storage.root,
        authentication="none",
        heartbeat_seconds=0.05,
        lease_seconds=5,
        provisional_seconds=0,
        checkpoint_seconds=0,
        upload_reserve_bytes=0,
    )


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """Return the application of all tests: its routes take a tenth of a second at its first request."""
    return make_application()


def make_application() -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.main.configure_logging", lambda _: None)  # the process's logging is pytest's
        return create_app()


@pytest.fixture
def api(application: FastAPI, database: Database, storage: Storage, chosen: Settings) -> Iterator[TestClient]:
    application.dependency_overrides = {
        get_database: lambda: database,
        get_storage: lambda: storage,
        get_settings: lambda: chosen,
    }
    unused = make_application().state
    application.state.limiter, application.state.login_limiter = unused.limiter, unused.login_limiter
    with TestClient(application, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
        yield client
