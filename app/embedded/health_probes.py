"""Health checks of containers; each raises Unhealthy with the reason."""

import socket
import time
from pathlib import Path

import httpx

from app.infra.queue import make_celery_app
from app.infra.settings import Settings

ANSWER_SECONDS = 4.0
PING_SECONDS = 10.0
STALE_SECONDS = 600
"""Beat writes its schedule at least every three minutes."""


class Unhealthy(Exception):
    """A part of the service is not healthy."""


def check_api(url: str) -> None:
    """Check that the API, its database, its broker and its storage answer."""
    try:
        answer = httpx.get(f"{url}/v1/health/ready", timeout=ANSWER_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise Unhealthy(f"{url} does not answer: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise Unhealthy(f"{url} answered {answer.status_code}: {answer.text}")


def check_workers(settings: Settings, *, count: int) -> list[str]:
    """Ping this host's Celery workers and return their names; busy workers answer too."""
    app = make_celery_app(settings.broker_url, visibility_timeout_seconds=settings.visibility_timeout_seconds)
    host = socket.gethostname()
    answers = app.control.broadcast(
        "ping", reply=True, pattern=f"*@{host}", matcher="glob", timeout=PING_SECONDS, limit=count
    )
    names = [name for answer in answers or [] for name in answer]
    if len(names) < count:
        raise Unhealthy(f"{len(names)} of {count} workers on {host} answered within {PING_SECONDS:g} seconds")
    return names


def check_beat(folder: Path) -> None:
    """Check that beat still writes its schedule into a folder."""
    times = [file.stat().st_mtime for file in folder.glob("*")]
    if not times:
        raise Unhealthy(f"beat has written no schedule into {folder}")
    age = time.time() - max(times)
    if age > STALE_SECONDS:
        raise Unhealthy(f"beat last wrote its schedule {age:.0f} seconds ago")
