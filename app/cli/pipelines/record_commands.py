"""`limit-audit record AUDIT --out record.zip` and `limit-audit verify record.zip`."""

import hashlib
import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options.output_files import OutputFile
from app.cli.output import AsJson, Key, Server, connect, echo, fail, print_json
from app.cli.pipelines.gate_command import FAILED
from app.records.record_bundle import BYTES_MAX, BadRecord, Verified, verify_bundle
from app.records.record_signatures import BadKey

UNUSABLE = 1
Source = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a file that `record` wrote")]


def record(
    audit_id: Annotated[str, typer.Argument(help="id or name of an audit that has succeeded, or @last")],
    *,
    out: Annotated[Path, OutputFile(help="file to write: .zip")],
    statements: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help='JSON object of what you state, by field: {"10(2)(b)": "..."}; needs an admin key',
        ),
    ] = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Write the record of an audit: one file with digests, counts and who decided what."""
    stated = None if statements is None else _read_statements(statements)
    with connect(server, key) as client:
        client.get_audit(audit_id).record(out, statements=stated)
    echo(f"{out}: check it with `limit-audit verify {out}`")


def _read_statements(file: Path) -> dict[str, str]:
    try:
        stated = json_text.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise typer.BadParameter(f"expected JSON in {file}: {error}", param_hint="--statements") from error
    if not isinstance(stated, dict) or not all(isinstance(text, str) for text in stated.values()):
        raise typer.BadParameter(f"expected an object of texts in {file}", param_hint="--statements")
    return stated


def verify(
    source: Source,
    *,
    public_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM of the key that must have signed it")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="a file that the record must name: an upload, a result"
        ),
    ] = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="fail if it is not signed; --public-key does, too")
    ] = False,
    json: AsJson = False,
) -> None:
    """Verify a record: its digests, its signature if it has one, and files that it names."""
    try:
        key = None if public_key is None else public_key.read_text()
        verified = verify_bundle(_read(source), key, needs_signature=require_signature)
    except BadRecord as error:
        fail(f"{source} does not verify: {error}", code=FAILED, cause=error)
    except (BadKey, UnicodeDecodeError) as error:
        fail(str(error), code=UNUSABLE, cause=error)
    try:
        named = {path: _find_file(verified, path) for path in file or ()}
    except BadRecord as error:
        fail(f"{error}; {source} itself verifies", code=FAILED, cause=error)
    if json:
        files = {str(path): name for path, name in named.items()}
        print_json(
            {
                "verified": True,
                "signer": verified.signer,
                "is_page_compared": verified.is_page_bound,
                "files": files,
                "record": verified.document,
            }
        )
        return
    audit: Any = verified.document["audit"]
    named_audit = f"{audit.get('name')!r} ({audit.get('id')!r})"
    whole = "its files fit their digests" if verified.signer is None else "every byte is as it was signed"
    echo(f"{source}: {whole}; the record of {named_audit}")
    echo(_describe_signer(verified, is_given=public_key is not None))
    if not verified.is_page_bound:
        echo("Its page is of an earlier version and was not compared with record.json, which counts.")
    for path, name in named.items():
        echo(f"{path}: is the record's {name}")


def _read(source: Path) -> bytes:
    if source.stat().st_size > BYTES_MAX:
        raise BadRecord(f"expected a record of at most {BYTES_MAX:,} bytes, found a larger file")
    return source.read_bytes()


def _find_file(verified: Verified, path: Path) -> str:
    """Return what a record calls a file with this content.

    Raises:
        BadRecord: it names no such file.

    """
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    data: Any = verified.document["data"]
    results: Any = verified.document["results"]
    try:
        names = {file["sha256"]: file["name"] for file in data["files"]}
        digests = [*data["sha256"].items(), *results.items()]
        names |= {digest: name for name, digest in digests if digest}
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRecord("it does not list the files of the data and of the results") from error
    if found in names:
        return str(names[found])
    namesake = path.name in names.values()
    raise BadRecord(
        f"{path}: differs from the {path.name} that the record names"
        if namesake
        else f"{path}: the record names no file with this content"
    )


def _describe_signer(verified: Verified, *, is_given: bool) -> str:
    if verified.signer is None:
        return "It is not signed: anybody can have changed it and its digests."
    if is_given:
        return f"It is signed by the given key, {verified.signer}."
    return f"It is signed by {verified.signer}; whose key that is only --public-key can tell."
