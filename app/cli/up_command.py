"""`limit-audit up`: the whole service on this machine. Its help loads none of the server's packages."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from app.cli.embedded_service import say, stop_on_termination
from app.cli.output import UNREACHABLE, fail
from app.embedded.running_services import DEFAULT_HOME, HOME_VARIABLE

PREFIX = "LIMIT_AUDIT_"
AUTHENTICATION = f"{PREFIX}AUTHENTICATION"
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar=HOME_VARIABLE, help="folder of the embedded service")
]


def up(
    *,
    data_dir: DataDir = DEFAULT_HOME,
    port: Annotated[int, typer.Option(help="0: any free port")] = 8000,
    host: Annotated[
        str,
        typer.Option(help="address to listen on; an address other than loopback requires keys"),
    ] = "127.0.0.1",
) -> None:
    """Run the complete service on this machine until Ctrl-C."""
    from app.embedded.data_folder import StartError  # noqa: PLC0415 - its packages come with limit-audit[local]
    from app.embedded.local_stack import LocalStack  # noqa: PLC0415 - the same

    stop_on_termination()
    overrides = {name: value for name, value in os.environ.items() if name == AUTHENTICATION}
    try:
        with LocalStack(data_dir, port=port, host=host, on_step=say, overrides=overrides) as stack:
            typer.echo(f"page  {stack.url}\nAPI   {stack.url}/v1, described at {stack.url}/docs")
            typer.echo(f"data  {stack.data_dir}")
            if overrides:
                typer.echo(f"keys  {_explain_keys(stack.data_dir)}")
            say("Ctrl-C stops everything")
            stack.watch()
    except StartError as error:
        fail(*str(error).split("\n"), code=UNREACHABLE, cause=error)
    except KeyboardInterrupt:
        say("stopped")


def _explain_keys(data_dir: Path) -> str:
    """Return the command that makes a key of this service, which it finds by its folder; no password."""
    return f"{HOME_VARIABLE}={shlex.quote(str(data_dir))} limit-audit keys create NAME"
