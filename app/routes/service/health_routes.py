"""Probes: is the process alive, can it do its work."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from sqlalchemy import text

from app.infra import queue, schema_upgrade
from app.infra.database import Database
from app.infra.settings import Settings
from app.routes.shared.callers import ServiceDatabase
from app.routes.shared.dependencies import Files, ServiceSettings
from app.schemas.shared_schemas import Health

router = APIRouter(prefix="/v1/health", tags=["health"])
TIMEOUT_SECONDS = 2


@router.get("/live")
def live() -> Health:
    """Say that this process answers."""
    return Health(status="ok", checks={})


@router.get("/ready", responses={503: {"model": Health}})
def ready(settings: ServiceSettings, database: ServiceDatabase, files: Files, response: Response) -> Health:
    """Say whether the database, its tables, the broker and the storage serve."""
    checks = {
        "database": _check(lambda: _ask_database(database)),
        "migrations": _check(lambda: _ask_tables(database)),
        "broker": _check(lambda: _ask_broker(settings)),
        "storage": _check(files.check),
    }
    failing = any(answer != "ok" for answer in checks.values())
    if failing:
        response.status_code = 503
    return Health(status="failing" if failing else "ok", checks=checks)


def _ask_database(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("SELECT 1"))


def _ask_tables(database: Database) -> str | None:
    with database.transaction() as session:
        return schema_upgrade.find_missing_tables(session)


def _ask_broker(settings: Settings) -> None:
    with queue.connect_redis(settings.broker_url, timeout_seconds=TIMEOUT_SECONDS) as client:
        client.ping()


def _check(ask: Callable[[], object]) -> str:
    try:
        answer = ask()
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the probe's answer
        return type(error).__name__
    return answer if isinstance(answer, str) else "ok"
