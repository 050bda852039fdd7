"""`limit-audit`: the root of the command line."""

import typer

from app.cli import audits, datasets, probes, service

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find wrong labels in datasets: upload, audit, read the ranking. High distance = probably wrong.",
)
cli.command("up")(service.up)
cli.command("migrate")(service.migrate)
cli.add_typer(audits.app, name="audit")
cli.add_typer(datasets.app, name="dataset")
cli.add_typer(service.app, name="keys")
cli.add_typer(probes.app, name="probe")


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
