"""`limit-audit hub-token ...`: the token with which a workspace reads datasets of the hub (`hf://`)."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import AlwaysJson, Key, Server, connect, print_json

app = typer.Typer(
    no_args_is_help=True, help="Store the token with which this workspace reads datasets of the hub."
)


@app.command("set")
def set_token(
    *,
    token_file: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="a file with the token")],
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Store the token; this replaces the one before."""
    with connect(server, key) as client:
        print_json(
            client.put_json("/v1/hub-token", {"token": token_file.read_text(encoding="utf-8").strip()})
        )


@app.command()
def show(*, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Say whether a token is stored; it is never shown."""
    with connect(server, key) as client:
        print_json(client.get("/v1/hub-token"))


@app.command()
def delete(*, server: Server = None, key: Key = None) -> None:
    """Delete the token."""
    with connect(server, key) as client:
        client.delete("/v1/hub-token")
