"""`limit-audit`: the root of the command line. A command's module is loaded when the command runs."""

import pkgutil
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "audit": (
        "app.cli.audit_commands:app",
        "Audit a dataset. `limit-audit audit FILE --out ranking.csv` does everything in one step.",
    ),
    "classes": (
        "app.cli.label_set_commands:classes",
        "Audit every class of a dataset whose samples have several labels, and rank the samples over all.",
    ),
    "dataset": ("app.cli.dataset_commands:app", "Upload and inspect datasets."),
    "review": ("app.cli.review_commands:app", "Save and list reviewers' verdicts on labels."),
    "check": (
        "app.cli.check_commands:check",
        "Check samples at random: their verdicts count the wrong labels. Begins with 100, or goes on.",
    ),
    "export": (
        "app.cli.export_commands:app",
        "Download corrected labels, corrected datasets and reports.",
    ),
    "gate": (
        "app.cli.pipelines.gate_command:gate",
        "Audit data and judge them by limits, with an exit code for pipelines.",
    ),
    "record": (
        "app.cli.pipelines.record_commands:record",
        "Write the record of an audit: one file with digests, counts and who decided what.",
    ),
    "verify": (
        "app.cli.pipelines.record_commands:verify",
        "Verify a record: its digests, its signature if it has one, and files that it names.",
    ),
    "bucket": (
        "app.cli.integrations.bucket_commands:app",
        "Store how this workspace reads buckets in place.",
    ),
    "hub-token": (
        "app.cli.integrations.hub_token_commands:app",
        "Store the token with which this workspace reads datasets of the hub.",
    ),
    "webhook": ("app.cli.integrations.webhook_commands:app", "Send messages to addresses when audits end."),
}
"""Where each command is, and its help; a test compares it with the command's own."""
SERVER_COMMANDS = {
    "up": ("app.cli.up_command:up", "Run the complete service on this machine until Ctrl-C."),
    "migrate": ("app.cli.service_commands:migrate", "Migrate the database to this version's tables."),
    "backup": (
        "app.cli.backup_commands:make_backup",
        "Write database and files into one archive; the service can keep running.",
    ),
    "restore": (
        "app.cli.backup_commands:restore_backup",
        "Restore database and files from an archive into a service that is not running.",
    ),
    "activity": (
        "app.cli.service_commands:list_activity",
        "List who did what in all workspaces, newest first, of your running service or by its settings.",
    ),
    "keys": (
        "app.cli.service_commands:app",
        "Create, list and revoke bearer keys of your running service, or by its settings.",
    ),
    "encoders": (
        "app.cli.encoder_commands:app",
        "List, fetch, add and check pretrained networks for photographs and texts on this host.",
    ),
    "probe": ("app.cli.probe_commands:app", "Check the health of a part of the service on this host."),
}
"""Running a service needs the server's packages; an installation of only the client lacks them."""
INSTALLED = {**COMMANDS, **(SERVER_COMMANDS if find_spec("sqlalchemy") is not None else {})}


class LazyGroup(TyperGroup):
    """Lists commands without loading them: loading all takes many times as long as to print the help."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - what Typer passes
        super().__init__(**attributes)
        for name, (_, explanation) in INSTALLED.items():
            self.add_command(TyperCommand(name, help=explanation))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's own context and command
        """Return the command that is to run, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load_command(name or ""), rest


def load_command(name: str) -> Any:  # noqa: ANN401 - click's own command
    """Import a command or a group of commands and return it."""
    found = pkgutil.resolve_name(INSTALLED[name][0])
    holder = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    return typer.main.get_group(holder).commands[name]


cli = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find wrong labels in datasets: upload, audit, read the ranking (the most suspicious first).",
)


def _print_version(is_set: bool) -> None:  # noqa: FBT001 typer passes an option's value by position
    if is_set:
        from importlib.metadata import version  # noqa: PLC0415 - takes as long as the rest of the help

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
