"""`limit-audit review ...`: save and list reviewers' verdicts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import AlwaysJson, AsJson, Key, Server, connect, fail, print_json, print_table
from app.client import ClientError
from app.client.review_files import parse_reviews
from models.reading.text_encodings import TableError

app = typer.Typer(no_args_is_help=True, help="Save and list reviewers' verdicts on labels.")
AuditId = Annotated[str, typer.Argument(help="id or name of the audit whose ranking is reviewed, or @last")]
DatasetId = Annotated[str, typer.Argument(help="id or name of the dataset, or @last")]
Reviewer = Annotated[
    str | None, typer.Option(help="name of the reviewer; with a key, the key's name is used")
]
COLUMNS = ("position", "key", "verdict", "label", "reviewer", "reviewed_at")
PAGE = 500
CONFLICTS = 1


@app.command("list")
def list_all(dataset_id: DatasetId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List the verdicts on a dataset."""
    with connect(server, key) as client:
        reviews = list(client.dataset(dataset_id).reviews())
    print_json(reviews) if json else print_table(reviews, COLUMNS)


@app.command()
def put(
    audit_id: AuditId,
    position: int,
    verdict: Annotated[str, typer.Argument(help="keep, relabel, drop or unsure")],
    label: Annotated[str | None, typer.Argument(help="the correct class, for relabel")] = None,
    *,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Save one verdict."""
    entry = {"position": position, "verdict": verdict, "label": label}
    _save(audit_id, [entry], reviewer=reviewer, server=server, key=key)


@app.command("import")
def import_file(
    audit_id: AuditId,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: position or key, verdict, and label for relabel; or labels.csv",
        ),
    ],
    *,
    encoding: Annotated[str | None, typer.Option(help="of a file that is not UTF-8: cp1252, utf-16")] = None,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Save the verdicts of a CSV table."""

    def read_keys() -> dict[str, int]:
        with connect(server, key) as client:
            dataset = client.get_audit(audit_id)["dataset_id"]
            samples = client.pages(f"/v1/datasets/{dataset}/samples", limit=PAGE)
            return {sample["key"]: sample["position"] for sample in samples}

    try:
        entries = parse_reviews(file.read_bytes(), file.name, read_keys=read_keys, encoding=encoding)
    except TableError as error:
        raise typer.BadParameter(str(error)) from error
    _save(audit_id, entries, reviewer=reviewer, server=server, key=key)


@app.command()
def progress(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print the progress of an audit's review as JSON."""
    with connect(server, key) as client:
        print_json(client.get_audit(audit_id).review_progress())


def _save(
    audit_id: str,
    entries: list[dict[str, Any]],
    *,
    reviewer: str | None,
    server: str | None,
    key: str | None,
) -> None:
    with connect(server, key) as client:
        conflicts = client.get_audit(audit_id).review(entries, reviewer=reviewer)
    typer.echo(f"{len(entries) - len(conflicts)} saved")
    if conflicts:
        listed = "; ".join(conflict["detail"] for conflict in conflicts[:5])
        sentence = f"{len(conflicts)} not saved, somebody else reviewed them first: {listed}"
        fail(sentence, code=CONFLICTS, cause=ClientError(sentence))
