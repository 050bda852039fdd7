"""Health probes: liveness and readiness."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import text

from app.infra import instance_proof, queue, schema_upgrade
from app.infra.database import Database
from app.infra.errors import NotFound
from app.infra.settings import Settings
from app.routes.shared.callers import ServiceDatabase
from app.routes.shared.dependencies import Files, ServiceSettings
from app.schemas.shared_schemas import Health

router = APIRouter(prefix="/v1/health", tags=["health"])
TIMEOUT_SECONDS = 2


@router.get("/live")
def live() -> Health:
    """Answer as long as this process runs."""
    return Health(status="ok", checks={})


@router.get("/ready", responses={503: {"model": Health}})
def ready(settings: ServiceSettings, database: ServiceDatabase, files: Files, response: Response) -> Health:
    """Check the database, its tables, the broker and the storage; 503 if one of them fails."""
    checks = {
        "database": _run_check(lambda: _check_database(database)),
        "migrations": _run_check(lambda: _check_tables(database)),
        "broker": _run_check(lambda: _check_broker(settings)),
        "storage": _run_check(files.check),
    }
    failing = any(answer != "ok" for answer in checks.values())
    if failing:
        response.status_code = 503
    return Health(status="failing" if failing else "ok", checks=checks)


@router.get("/instance", include_in_schema=False)
def prove_instance(
    settings: ServiceSettings, challenge: Annotated[str, Query(pattern=instance_proof.CHALLENGE)]
) -> dict[str, str]:
    """Prove that this is the embedded service whose token the caller knows; 404 for any other service."""
    if settings.instance_token is None:
        raise NotFound("this is no embedded service")
    return {"proof": instance_proof.prove(settings.instance_token, challenge)}


def _check_database(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("SELECT 1"))


def _check_tables(database: Database) -> str | None:
    with database.transaction() as session:
        return schema_upgrade.find_missing_tables(session)


def _check_broker(settings: Settings) -> None:
    with queue.connect_redis(settings.broker_url, timeout_seconds=TIMEOUT_SECONDS) as client:
        client.ping()


def _run_check(check: Callable[[], object]) -> str:
    try:
        answer = check()
    except Exception as error:  # noqa: BLE001 - any failure is the probe's answer
        return type(error).__name__
    return answer if isinstance(answer, str) else "ok"
