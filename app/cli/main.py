"""`limit-audit`: the root of the command line."""

from importlib.util import find_spec

import typer

from app.cli import audits, datasets, exports, reviews, webhooks

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find wrong labels in datasets: upload, audit, read the ranking. High distance = probably wrong.",
)
cli.add_typer(audits.app, name="audit")
cli.add_typer(datasets.app, name="dataset")
cli.add_typer(reviews.app, name="review")
cli.add_typer(exports.app, name="export")
cli.add_typer(webhooks.app, name="webhook")
if find_spec("sqlalchemy") is not None:
    # Running a service takes the server's packages, which an installation of the client alone lacks.
    from app.cli import backups, probes, service

    cli.command("up")(service.up)
    cli.command("migrate")(service.migrate)
    cli.command("backup")(backups.make_backup)
    cli.command("restore")(backups.restore_backup)
    cli.command("activity")(service.list_activity)
    cli.add_typer(service.app, name="keys")
    cli.add_typer(probes.app, name="probe")


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
