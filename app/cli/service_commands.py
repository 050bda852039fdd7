"""`limit-audit migrate`, `activity` and `keys`: administer the service."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn
from uuid import UUID

import typer
from pydantic import ValidationError
from sqlalchemy import select

from app.access import activity_log, keys
from app.cli.embedded_service import say
from app.cli.output import FAILED, AsJson, fail, print_json, print_table
from app.embedded.running_services import HOME_VARIABLE, find_services
from app.infra import schema_upgrade, workspace_scope
from app.infra.database import Database, get_database
from app.infra.errors import NotFound
from app.infra.settings import PREFIX
from app.tables import ApiKey, Scope, Workspace

OPERATOR = "command line"
NEEDED = {f"{PREFIX}{name}" for name in ("DATABASE_URL", "BROKER_URL", "STORAGE_DIR")}
app = typer.Typer(
    no_args_is_help=True,
    help="Create, list and revoke bearer keys of your running service, or by its settings.",
)


def migrate() -> None:
    """Migrate the database to this version's tables."""
    try:
        get_database()
    except ValidationError as error:
        _name_missing(error)
    schema_upgrade.upgrade()


@app.command("create")
def create_key(
    name: str,
    *,
    scope: Scope = Scope.WRITE,
    days: Annotated[
        int | None, typer.Option(min=1, help="days until the key expires; never if omitted")
    ] = None,
    workspace: Annotated[
        str, typer.Option(help="the key's workspace; created if it does not exist")
    ] = "default",
) -> None:
    """Create a key and print it; it is never shown again."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with _open_database().transaction() as session:
        workspace_id, is_new = workspace_scope.get_or_create_workspace(session, workspace)
        key, secret = keys.create(
            session, name=name, scope=scope, expires_at=expires_at, workspace_id=workspace_id
        )
        act = activity_log.Act(
            actor=OPERATOR, action="keys create", objects={"key_id": str(key.id), "name": name}
        )
        activity_log.begin(session, workspace_id, act)
    if is_new:
        say(f"created the workspace {workspace!r}")
    typer.echo(secret)


@app.command("list")
def list_keys(*, json: AsJson = False) -> None:
    """List keys by name and id; their secrets are not stored."""
    columns = ("id", "name", "scope", "created_at", "expires_at", "revoked_at")
    statement = select(ApiKey, Workspace.name).join(Workspace, Workspace.id == ApiKey.workspace_id)
    with _open_database().transaction() as session:
        rows = [
            {"workspace": workspace, **{column: _format_value(getattr(key, column)) for column in columns}}
            for key, workspace in session.execute(statement.order_by(ApiKey.id))
        ]
    print_json(rows) if json else print_table(rows, ("workspace", *columns))


@app.command("revoke")
def revoke_key(key_id: UUID) -> None:
    """Revoke a key."""
    try:
        with _open_database().transaction() as session:
            workspace_id = keys.revoke(session, key_id)
            act = activity_log.Act(actor=OPERATOR, action="keys revoke", objects={"key_id": str(key_id)})
            activity_log.begin(session, workspace_id, act)
    except NotFound as error:
        fail(str(error), code=FAILED, cause=error)


def list_activity(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="maximum number of rows")] = 50,
    json: AsJson = False,
) -> None:
    """List who did what in all workspaces, newest first, of your running service or by its settings."""
    columns = ("created_at", "actor", "action", "status", "client", "request_id", "objects")
    with _open_database().transaction() as session:
        rows = [
            {column: _format_value(getattr(row, column)) for column in columns}
            for row in activity_log.list_activities(session, before=None, limit=limit)
        ]
    print_json(rows) if json else print_table(rows, columns)


def _open_database() -> Database:
    """Return the database of the settings, else of the user's running service, else end with a sentence."""
    try:
        return get_database()
    except ValidationError as error:
        running = _find_running() if set(_list_missing(error)) >= NEEDED else None
        if running is not None:
            return running
        _name_missing(error, f"; or one `limit-audit up` that runs here ({HOME_VARIABLE} names its folder)")


def _list_missing(error: ValidationError) -> list[str]:
    return [f"{PREFIX}{str(entry['loc'][0]).upper()}" for entry in error.errors()]


def _name_missing(error: ValidationError, way_out: str = "") -> NoReturn:
    missing = ", ".join(_list_missing(error))
    fail(
        f"this needs the service's settings in the environment: {missing}{way_out}", code=FAILED, cause=error
    )


def _find_running() -> Database | None:
    """Return the database of this user's one service that `limit-audit up` runs; None: none, or several."""
    services = find_services()
    if len(services) != 1:
        return None
    from app.embedded.data_folder import ServiceNote  # noqa: PLC0415 - its packages come with limit-audit[local]

    note = ServiceNote.read(services[0].data_dir)
    return None if note is None or not note.database_url else Database(note.database_url, _send_nothing)


def _send_nothing(*_: object) -> None:
    """Send nothing: these commands give no work to anybody."""


def _format_value(value: object) -> str | None:
    return None if value is None else str(value)
