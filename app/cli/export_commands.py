"""`limit-audit export ...`: what is carried away."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import Key, Server, connected
from app.client.handles import AuditExport, DatasetExport

app = typer.Typer(no_args_is_help=True, help="Download corrected labels, cleaned datasets, reports.")
DatasetId = Annotated[str, typer.Argument(help="id of the dataset")]
AuditId = Annotated[str, typer.Argument(help="id of an audit that has succeeded")]
Out = Annotated[Path, typer.Option(help="a file, or a folder in which it gets a name of its own")]
OfAudit = Annotated[str | None, typer.Option("--audit", help="whose issues --issues speaks of")]
Issues = Annotated[
    str, typer.Option(help="unreviewed issues of the audit: keep, relabel as suggested, or drop")
]
HERE = Path()


@app.command()
def labels(
    dataset_id: DatasetId,
    *,
    out: Out = HERE,
    audit: OfAudit = None,
    issues: Issues = "keep",
    server: Server = None,
    key: Key = None,
) -> None:
    """Download given and final label of every sample, with who decided it and when."""
    _of_dataset(dataset_id, "labels.csv", out, server, key, **_wishes(audit, issues))


@app.command()
def drops(
    dataset_id: DatasetId,
    *,
    out: Out = HERE,
    audit: OfAudit = None,
    issues: Issues = "keep",
    server: Server = None,
    key: Key = None,
) -> None:
    """Download the list of the samples that go."""
    _of_dataset(dataset_id, "drops.csv", out, server, key, **_wishes(audit, issues))


@app.command()
def dataset(
    dataset_id: DatasetId,
    *,
    out: Out = HERE,
    format: Annotated[str, typer.Option(help="original, or npz: as it is trained on")] = "original",  # noqa: A002
    audit: OfAudit = None,
    issues: Issues = "keep",
    server: Server = None,
    key: Key = None,
) -> None:
    """Download the cleaned dataset in the format it came in."""
    _of_dataset(dataset_id, "dataset", out, server, key, format=format, **_wishes(audit, issues))


@app.command()
def report(audit_id: AuditId, *, out: Out = HERE, server: Server = None, key: Key = None) -> None:
    """Download an audit's report: one HTML file that loads nothing."""
    _of_audit(audit_id, "report.html", out, server, key)


@app.command()
def cleanlab(audit_id: AuditId, *, out: Out = HERE, server: Server = None, key: Key = None) -> None:
    """Download labels and predicted probabilities as an npz."""
    _of_audit(audit_id, "cleanlab.npz", out, server, key)


@app.command()
def label_studio(
    audit_id: AuditId,
    *,
    out: Out = HERE,
    limit: Annotated[int, typer.Option(min=1, help="the most suspicious so many")] = 1000,
    configuration: Annotated[bool, typer.Option(help="the labelling configuration instead")] = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Download Label Studio's tasks, the suggested labels as predictions."""
    if configuration:
        _of_audit(audit_id, "label-studio.xml", out, server, key)
    else:
        _of_audit(audit_id, "label-studio.json", out, server, key, limit=limit)


def _wishes(audit: str | None, issues: str) -> dict[str, object]:
    return {"issues": issues, **({} if audit is None else {"audit_id": audit})}


def _of_dataset(
    dataset_id: str, what: DatasetExport, out: Path, server: str | None, key: str | None, **params: object
) -> None:
    with connected(server, key) as client:
        typer.echo(client.dataset(dataset_id).export(what, out, **params))


def _of_audit(
    audit_id: str, what: AuditExport, out: Path, server: str | None, key: str | None, **params: object
) -> None:
    with connected(server, key) as client:
        typer.echo(client.get_audit(audit_id).export(what, out, **params))
