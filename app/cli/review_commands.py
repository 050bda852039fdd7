"""`limit-audit review ...`: save and list reviewers' verdicts."""

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import AlwaysJson, AsJson, Key, Server, connect, fail, print_json, print_table
from app.client import ClientError

app = typer.Typer(no_args_is_help=True, help="Save and list reviewers' verdicts on labels.")
AuditId = Annotated[str, typer.Argument(help="id of the audit whose ranking is reviewed")]
DatasetId = Annotated[str, typer.Argument(help="id of the dataset")]
Reviewer = Annotated[
    str | None, typer.Option(help="name of the reviewer; with a key, the key's name is used")
]
COLUMNS = ("position", "verdict", "label", "reviewer", "reviewed_at")
VERDICT_COLUMNS = {"position", "verdict"}
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
        typer.Argument(exists=True, dir_okay=False, help="CSV: position, verdict, and label for relabel"),
    ],
    *,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Save the verdicts of a CSV table."""
    with file.open(newline="", encoding="utf-8-sig") as opened:
        table = csv.DictReader(opened)
        if not {*(table.fieldnames or ())} >= VERDICT_COLUMNS:
            raise typer.BadParameter(
                f"expected columns position, verdict and label, found {table.fieldnames}"
            )
        entries = [_parse_row(row, table.line_num) for row in table]
    _save(audit_id, entries, reviewer=reviewer, server=server, key=key)


@app.command()
def progress(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print the progress of an audit's review as JSON."""
    with connect(server, key) as client:
        print_json(client.get_audit(audit_id).review_progress())


def _parse_row(row: dict[str, Any], line: int) -> dict[str, Any]:
    if not row["position"].isdecimal():
        raise typer.BadParameter(f"line {line}: expected a position, found {row['position']!r}")
    return {
        "position": int(row["position"]),
        "verdict": row["verdict"],
        "label": row.get("label") or None,
    }


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
