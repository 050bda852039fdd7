"""`limit-audit probe`: health checks for containers. Exit code 0: healthy; 1: unhealthy, with the reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import FAILED, fail
from app.embedded import health_probes
from app.infra.settings import get_settings

DEFAULT_SERVER = "http://127.0.0.1:8000"
"""The API in its own container."""
app = typer.Typer(no_args_is_help=True, help="Check the health of a part of the service on this host.")


@app.command("api")
def probe_api(server: Annotated[str, typer.Option(help="URL of the API")] = DEFAULT_SERVER) -> None:
    """Check the API, its database, broker and storage."""
    with _report_failures():
        health_probes.check_api(server)


@app.command("workers")
def probe_workers(
    count: Annotated[int, typer.Option(min=1, help="number of workers that must answer")] = 1,
) -> None:
    """Ping the Celery workers of this host."""
    with _report_failures():
        typer.echo("\n".join(health_probes.check_workers(get_settings(), count=count)))


@app.command("beat")
def probe_beat(folder: Annotated[Path, typer.Argument(help="folder of beat's schedule")]) -> None:
    """Check that beat still sends the periodic tasks."""
    with _report_failures():
        health_probes.check_beat(folder)


@contextmanager
def _report_failures() -> Iterator[None]:
    try:
        yield
    except health_probes.Unhealthy as error:
        fail(str(error), code=FAILED, cause=error)
