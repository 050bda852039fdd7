"""`limit-audit`: the root of the command line."""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated

import typer

from app.cli import (
    audit_commands,
    check_commands,
    dataset_commands,
    export_commands,
    review_commands,
    webhook_commands,
)

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find wrong labels in datasets: upload, audit, read the ranking (high score: probably wrong).",
)
cli.add_typer(audit_commands.app, name="audit")
cli.add_typer(dataset_commands.app, name="dataset")
cli.add_typer(review_commands.app, name="review")
cli.command("check")(check_commands.check)
cli.add_typer(export_commands.app, name="export")
cli.add_typer(webhook_commands.app, name="webhook")
if find_spec("sqlalchemy") is not None:
    # Running a service needs the server's packages; an installation of only the client lacks them.
    from app.cli import backup_commands, encoder_commands, probe_commands, service_commands

    cli.command("up")(service_commands.up)
    cli.command("migrate")(service_commands.migrate)
    cli.command("backup")(backup_commands.make_backup)
    cli.command("restore")(backup_commands.restore_backup)
    cli.command("activity")(service_commands.list_activity)
    cli.add_typer(service_commands.app, name="keys")
    cli.add_typer(encoder_commands.app, name="encoders")
    cli.add_typer(probe_commands.app, name="probe")


def _print_version(is_set: bool) -> None:  # noqa: FBT001 typer passes an option's value by position
    if is_set:
        typer.echo(f"limit-audit {version('limit-audit')}")
        raise typer.Exit


@cli.callback()
def _add_version_option(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="print the version and exit", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
