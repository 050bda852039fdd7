"""`limit-audit bucket ...`: how a workspace reads buckets in place."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import AlwaysJson, AsJson, Key, Server, connect, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Store how this workspace reads buckets in place.")
BucketName = Annotated[str, typer.Argument(metavar="BUCKET", help="name of the bucket, without s3://")]
COLUMNS = ("bucket", "endpoint", "region", "key_id", "created_at")


@app.command("set")
def set_bucket(
    bucket: BucketName,
    *,
    endpoint: Annotated[
        str | None, typer.Option(help="URL of a server other than AWS's; the operator allows it")
    ] = None,
    region: Annotated[str | None, typer.Option(help="region of the bucket")] = None,
    key_id: Annotated[
        str | None, typer.Option(help="access key; without one the bucket is read unsigned")
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="a file with the secret of the access key"),
    ] = None,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Store server, region and key of a bucket; this replaces what was stored."""
    secret = None if secret_file is None else secret_file.read_text(encoding="utf-8").strip()
    given = {"endpoint": endpoint, "region": region, "key_id": key_id, "secret": secret}
    body = {name: value for name, value in given.items() if value is not None}
    with connect(server, key) as client:
        print_json(client.put_json(f"/v1/buckets/{bucket}", body))


@app.command("list")
def list_all(*, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List the buckets that this workspace has keys for, without the secrets."""
    with connect(server, key) as client:
        buckets = client.get("/v1/buckets")
    print_json(buckets) if json else print_table(buckets, COLUMNS)


@app.command()
def delete(bucket: BucketName, *, server: Server = None, key: Key = None) -> None:
    """Delete how a bucket is read."""
    with connect(server, key) as client:
        client.delete(f"/v1/buckets/{bucket}")
