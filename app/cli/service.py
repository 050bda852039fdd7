"""`limit-audit up`, `migrate` and `keys`: running the service."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn
from uuid import UUID

import typer
from pydantic import ValidationError
from sqlalchemy import select

from app import keys, migration
from app.cli.output import FAILED, UNREACHABLE, AsJson, fail, print_json, print_table, stderr
from app.database import Database, database
from app.errors import NotFound
from app.settings import PREFIX
from app.tables import ApiKey, Scope

HOME_VARIABLE = "LIMIT_AUDIT_HOME"
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar=HOME_VARIABLE, help="folder of the embedded service")
]
DEFAULT_HOME = Path.home() / ".limit-audit"
WATCH_SECONDS = 0.5
app = typer.Typer(no_args_is_help=True, help="Make and revoke bearer keys (needs the service's settings).")


def up(
    *,
    data_dir: DataDir = DEFAULT_HOME,
    port: Annotated[int, typer.Option(help="0: any free one")] = 8000,
) -> None:
    """Run the whole service on this machine, on loopback, until Ctrl-C."""
    from app.local import LocalStack, StartError  # noqa: PLC0415 - its packages come with limit-audit[local]

    _stop_on_termination()
    try:
        with LocalStack(data_dir, port=port, on_step=_say) as stack:
            typer.echo(f"API   {stack.url}\ndocs  {stack.url}/docs\ndata  {stack.data_dir}")
            _say("Ctrl-C stops everything")
            while True:
                time.sleep(WATCH_SECONDS)
                stack.check()
    except StartError as error:
        fail(str(error), code=UNREACHABLE, cause=error)
    except KeyboardInterrupt:
        _say("stopped")


@contextmanager
def embedded() -> Iterator[str]:
    """Yield the address of a service on this machine: the running one, else one of its own."""
    from app.local import LocalStack, StartError, running_at  # noqa: PLC0415 - as above

    home = Path(os.environ.get(HOME_VARIABLE, DEFAULT_HOME))
    address = running_at(home)
    if address is not None:
        yield address
        return
    _stop_on_termination()
    try:
        with LocalStack(home, on_step=_say) as stack:
            yield stack.url
    except StartError as error:
        fail(str(error), code=UNREACHABLE, cause=error)


def migrate() -> None:
    """Bring the database to the tables of this version."""
    _configured()
    migration.upgrade()


@app.command("create")
def create_key(
    name: str,
    *,
    scope: Scope = Scope.WRITE,
    days: Annotated[int | None, typer.Option(min=1, help="until it expires")] = None,
) -> None:
    """Make a key and print it; it is never shown again."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with _configured().transaction() as session:
        _, secret = keys.create(session, name=name, scope=scope, expires_at=expires_at)
    typer.echo(secret)


@app.command("list")
def list_keys(*, json: AsJson = False) -> None:
    """List keys; the keys themselves are not stored."""
    columns = ("id", "name", "scope", "created_at", "expires_at", "revoked_at")
    with _configured().transaction() as session:
        found = [
            {column: _text(getattr(key, column)) for column in columns}
            for key in session.scalars(select(ApiKey).order_by(ApiKey.id))
        ]
    print_json(found) if json else print_table(found, columns)


@app.command("revoke")
def revoke_key(key_id: UUID) -> None:
    """Make a key useless."""
    try:
        with _configured().transaction() as session:
            keys.revoke(session, key_id)
    except NotFound as error:
        fail(str(error), code=FAILED, cause=error)


def _configured() -> Database:
    """Return the database of the settings; without settings the command ends with a sentence."""
    try:
        return database()
    except ValidationError as error:
        missing = ", ".join(f"{PREFIX}{str(found['loc'][0]).upper()}" for found in error.errors())
        fail(f"this needs the service's settings in the environment: {missing}", code=FAILED, cause=error)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _say(step: str) -> None:
    stderr.print(f"limit-audit: {step}", highlight=False)


def _stop_on_termination() -> None:
    """Let SIGTERM end the command as Ctrl-C does, so that every part is stopped."""

    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
