"""`limit-audit audit FILE --out ranking.csv`, and `limit-audit audit list | show | ...`."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.cli.dataset_commands import Uploads, upload_and_wait
from app.cli.embedded_service import open_embedded_service
from app.cli.label_set_commands import audit_all_classes, report_classes
from app.cli.options.output_files import check_folder
from app.cli.options.reading_options import take_reading_options
from app.cli.output import (
    AlwaysJson,
    AsJson,
    Key,
    Server,
    connect,
    plain,
    print_json,
    print_suspects,
    print_table,
    print_understood,
    show_audit,
    show_progress_bar,
    stderr,
    stdout,
)
from app.cli.words.version_words import describe_comparison
from app.client import Audit, ClientError, Dataset
from app.client.time_words import describe_estimate, list_choices
from app.infra.unseen_characters import show_unseen
from models.checks.count_words import describe_count

ONE_SHOT = "file"
NOT_OFFERED = (404, 405)
"""Status of an address that a server does not have."""
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="a field of the configuration")
]
Effort = Annotated[
    str | None, typer.Option(help="fast or thorough; `audit estimate` says what each costs and may claim")
]


def _check_target(out: Path) -> Path:
    """Check the name of the ranking's file before any work starts."""
    if out.suffix not in {".csv", ".parquet"}:
        raise typer.BadParameter(f"expected a name that ends in .csv or .parquet, found {out}")
    check_folder(out)
    return out


Target = Annotated[
    Path,
    typer.Option(dir_okay=False, callback=_check_target, help="file to write: .csv or .parquet"),
]
AuditId = Annotated[str, typer.Argument(help="id or name of the audit, a beginning of either, or @last")]
Count = Annotated[int, typer.Option("--count", "-n", min=1, help="how many")]
COLUMNS = ("id", "name", "status", "fraction", "dataset_id")
SOURCE_COLUMNS = (
    *("column", "value", "samples", "share", "share_low", "share_high", "place", "finding"),
    *("checked", "checked_wrong"),
)
MOVED_COLUMNS = ("state", "key", "first_label", "second_label", "first_rank", "second_rank")


class OneShotGroup(TyperGroup):
    """Reads `audit FILE` as `audit file FILE`, unless the first word is a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's own context
        """Insert the one-shot command if the first word is no command."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = [ONE_SHOT, *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=OneShotGroup,
    no_args_is_help=True,
    help="Audit a dataset. `limit-audit audit FILE --out ranking.csv` does everything in one step.",
)


@app.command(ONE_SHOT)
@take_reading_options
def audit_file(
    files: Uploads,
    *,
    out: Target,
    name: str | None = None,
    method: Annotated[str | None, typer.Option(help="limit_g, limit_l or a baseline of the paper")] = None,
    beta: float | None = None,
    epochs: int | None = None,
    network: str | None = None,
    initialise: Annotated[str | None, typer.Option(help="none or ce")] = None,
    seed: int | None = None,
    effort: Effort = None,
    reading: dict[str, Any],
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Upload, audit and download in one step, on the named server or else on this machine."""
    configuration = {
        "method": method, "beta": beta, "epochs": epochs, "network": network,
        "initialise": initialise, "seed": seed,
    }  # fmt: skip
    with open_service(server) as url, connect(url, key) as client:
        dataset = upload_and_wait(client, files, name=name, **reading)
        print_understood(dataset.document, console=stderr)
        given = {field: value for field, value in configuration.items() if value is not None}
        if dataset.document.get("has_label_sets"):
            table = _require_csv(out)
            found = audit_all_classes(client, dataset.id, classes=None, configuration=given)
            report_classes(client, dataset.id, found, table, json=json)
            return
        given |= _plan_time(dataset, given, effort)
        audit = start_and_wait(dataset, name=name, **given)
        audit.download(out)
        suspects = audit.suspects().first(10)
    stderr.print(plain(describe_count(audit.summary)))
    stderr.print(plain(f"{dataset['sample_count']} samples ranked in {out}; the ten most suspicious:"))
    result = {"dataset": dataset.document, "audit": audit.document}
    print_json(result) if json else print_suspects(suspects)


def _require_csv(out: Path) -> Path:
    if out.suffix != ".csv":
        raise typer.BadParameter(f"a ranking of samples with several labels is a .csv; found {out}")
    return out


def _plan_time(dataset: Dataset, configuration: dict[str, Any], effort: str | None) -> dict[str, Any]:
    """Print how long the audit takes, and return the fields of Fast or Thorough."""
    try:
        estimates = dataset.estimate(**configuration)
    except ClientError as error:
        if effort is None and error.status in NOT_OFFERED:
            return {}  # a server of an earlier version
        raise
    fields = choose_fields(estimates, effort) if effort else {}
    stderr.print(plain(describe_estimate(estimates, effort)))
    return fields


def start_and_wait(dataset: Dataset, *, name: str | None, **configuration: object) -> Audit:
    """Start an audit and wait for its end, with a progress bar on stderr."""
    fields = {field: value for field, value in configuration.items() if value is not None}
    audit = dataset.audit(name=name, **fields)
    try:
        with show_progress_bar("audit") as bar:
            return audit.wait(on_answer=partial(show_audit, bar))
    except KeyboardInterrupt:
        audit.cancel()
        stderr.print(plain(f"audit {audit.id} was cancelled"))
        raise


@contextmanager
def open_service(server: str | None) -> Iterator[str]:
    """Yield the named server's address, or that of a service on this machine, started if none runs."""
    if server is not None:
        yield server
        return
    with open_embedded_service() as url:
        yield url


@app.command()
def start(
    dataset_id: Annotated[str, typer.Argument(help="id or name of a ready dataset, or @last")],
    *,
    name: str | None = None,
    set_: Settings = None,
    effort: Effort = None,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Start an audit and print it without waiting for its end."""
    configuration = dict(parse_field(pair) for pair in set_ or [])
    with connect(server, key) as client:
        found = client.find_id("dataset", dataset_id)
        if effort is not None:
            configuration |= choose_fields(client.estimate_audit(found, **configuration), effort)
        print_json(client.start_audit(found, name=name, **configuration))


@app.command()
def estimate(
    dataset_id: Annotated[str, typer.Argument(help="id or name of a ready dataset, or @last")],
    *,
    set_: Settings = None,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Tell how long an audit would take now, and what Fast and Thorough would change; nothing is started."""
    configuration = dict(parse_field(pair) for pair in set_ or [])
    with connect(server, key) as client:
        found = client.estimate_audit(client.find_id("dataset", dataset_id), **configuration)
    if json:
        print_json(found)
        return
    print_table(list_choices(found), ("effort", "time", "says"))
    stdout.print(plain(describe_estimate(found, None)))


def choose_fields(estimates: dict[str, Any], effort: str) -> dict[str, Any]:
    """Return the fields of Fast or Thorough."""
    offered = {preset["name"]: preset["configuration"] for preset in estimates["presets"]}
    if effort not in offered:
        known = " or ".join(offered) or "none: nothing else was measured for this audit"
        sentence = show_unseen(f"expected {known}; found {effort!r}")
        raise typer.BadParameter(sentence, param_hint="--effort")
    chosen: dict[str, Any] = offered[effort]
    return chosen


def parse_field(text: str) -> tuple[str, Any]:
    """Return a field and its value, parsed as JSON if it is JSON and as text otherwise."""
    field, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"expected FIELD=VALUE, found {text!r}", param_hint="--set")
    try:
        return field, loads(value)
    except ValueError:
        return field, value


@app.command("list")
def list_all(*, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List audits, newest first."""
    with connect(server, key) as client:
        audits = list(client.pages("/v1/audits"))
    print_json(audits) if json else print_table(audits, COLUMNS)


@app.command()
def show(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print an audit with all its fields as JSON."""
    with connect(server, key) as client:
        print_json(client.get_audit(audit_id, usable=False).document)


@app.command()
def wait(audit_id: AuditId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """Wait until an audit ends."""
    with connect(server, key) as client, show_progress_bar("audit") as bar:
        audit = client.get_audit(audit_id, usable=False).wait(on_answer=partial(show_audit, bar)).document
    print_json(audit) if json else print_table([audit], COLUMNS)


@app.command()
def cancel(audit_id: AuditId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """Cancel an audit."""
    with connect(server, key) as client:
        audit = client.get_audit(audit_id, usable=False).cancel().document
    print_json(audit) if json else print_table([audit], COLUMNS)


@app.command()
def suspects(
    audit_id: AuditId, *, count: Count = 20, server: Server = None, key: Key = None, json: AsJson = False
) -> None:
    """List the most suspicious samples; during training, those of the provisional ranking."""
    with connect(server, key) as client:
        ranked = client.get_audit(audit_id).suspects().first(count)
    print_json(ranked) if json else print_suspects(ranked)


@app.command()
def summary(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print an audit's results as JSON: how many labels are wrong, classes, confused pairs, review budget."""
    with connect(server, key) as client:
        print_json(client.get(f"/v1/audits/{client.find_id('audit', audit_id)}/summary"))


@app.command()
def sources(audit_id: AuditId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """Say where the errors come from: each value of your own columns, compared with all others."""
    with connect(server, key) as client:
        answer = client.get_audit(audit_id).error_sources()
    if json:
        print_json(answer)
        return
    rows = [{"column": column["name"], **group} for column in answer["columns"] for group in column["groups"]]
    print_table(rows, SOURCE_COLUMNS)
    said = answer["findings"] or ["No value stands out." if rows else "This dataset has no columns of yours."]
    stdout.print(plain(*said, f"By {answer['rests_on']}."))


@app.command()
def again(
    audit_id: AuditId,
    *,
    dataset: Annotated[str | None, typer.Option(help="else the newest version of its dataset")] = None,
    name: str | None = None,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Start an audit with the configuration of another and print it without waiting for its end."""
    with connect(server, key) as client:
        found = None if dataset is None else client.dataset(dataset)
        print_json(client.get_audit(audit_id, usable=False).again(found, name=name).document)


@app.command()
def compare(
    first: AuditId,
    second: Annotated[str, typer.Argument(help="the later audit")],
    *,
    state: Annotated[str | None, typer.Option(help="only samples of this state")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=0, max=1000, help="samples of each state")] = 10,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Compare two audits: counts with intervals, and which suspects were fixed, are new, or moved."""
    with connect(server, key) as client:
        found = client.get_audit(first).compare(client.get_audit(second), state=state, limit=count)
    if json:
        print_json(found)
        return
    for sentence in describe_comparison(found):
        stdout.print(plain(sentence))
    print_table(found["samples"], MOVED_COLUMNS)


@app.command()
def epochs(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print the losses and accuracies of every run and epoch as JSON."""
    with connect(server, key) as client:
        print_json(client.get_audit(audit_id).epochs())


@app.command()
def metrics(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print ROC, PR and precision at k as JSON; needs attached correct labels."""
    with connect(server, key) as client:
        print_json(client.get_audit(audit_id).metrics())


@app.command()
def download(
    audit_id: AuditId,
    *,
    out: Target,
    server: Server = None,
    key: Key = None,
) -> None:
    """Download the complete ranking."""
    with connect(server, key) as client:
        client.get_audit(audit_id).download(out)


@app.command()
def delete(audit_id: AuditId, *, server: Server = None, key: Key = None) -> None:
    """Delete an audit that has ended."""
    with connect(server, key) as client:
        client.get_audit(audit_id, usable=False).delete()
