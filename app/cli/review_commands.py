"""`limit-audit review ...`: save and list reviewers' verdicts."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.output import AlwaysJson, AsJson, Key, Server, connect, echo, fail, print_json, print_table
from app.client import ClientError, Json
from app.client.review_files import parse_reviews
from app.client.verdict_imports import save_verdicts
from app.infra.unseen_characters import show_unseen
from models.reading.text_encodings import TableError

app = typer.Typer(no_args_is_help=True, help="Save and list reviewers' verdicts on labels.")
AuditId = Annotated[str, typer.Argument(help="id or name of the audit whose ranking is reviewed, or @last")]
DatasetId = Annotated[str, typer.Argument(help="id or name of the dataset, or @last")]
Reviewer = Annotated[
    str | None, typer.Option(help="name of the reviewer; with a key, the key's name is used")
]
COLUMNS = ("position", "key", "verdict", "label", "reviewer", "reviewed_at", "agreement")
HANDED = ("position", "key", "given_label", "suggested_label", "rank")
DISPUTED = ("position", "key", "given_label", "suggested_label", "opinions", "notes")
PAGE = 500
CONFLICTS = 1
TOLD = 5
"""Problems of an import that are told in full."""


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
    """Save one verdict, also instead of your own earlier one."""
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
            help="CSV: position or key, verdict, and label for relabel; labels.csv; consensus.csv; or Label"
            " Studio's JSON",
        ),
    ],
    *,
    file_format: Annotated[
        Literal["csv", "label-studio"], typer.Option("--format", help="what the file is")
    ] = "csv",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="of label-studio: only say what would be saved")
    ] = False,
    encoding: Annotated[str | None, typer.Option(help="of a file that is not UTF-8: cp1252, utf-16")] = None,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Save the verdicts of a CSV table, also instead of your own, or of annotators in Label Studio."""
    if file_format == "label-studio":
        with connect(server, key) as client:
            audit = client.get_audit(audit_id)
            told = audit.import_label_studio(file, dry_run=dry_run, reviewer=reviewer)
        _tell_import(told)
        return
    if dry_run:
        raise typer.BadParameter("--dry-run goes with --format label-studio")

    def read_keys() -> dict[str, int]:
        with connect(server, key) as client:
            dataset = client.get_audit(audit_id)["dataset_id"]
            samples = client.pages(f"/v1/datasets/{dataset}/samples", limit=PAGE)
            return {sample["key"]: sample["position"] for sample in samples}

    try:
        found = parse_reviews(file.read_bytes(), file.name, read_keys=read_keys, encoding=encoding)
    except TableError as error:
        raise typer.BadParameter(show_unseen(str(error))) from error
    _save(audit_id, found.entries, skipped=found.skipped, reviewer=reviewer, server=server, key=key)


@app.command()
def progress(audit_id: AuditId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print the progress of an audit's review as JSON."""
    with connect(server, key) as client:
        print_json(client.get_audit(audit_id).review_progress())


@app.command("next")
def hand_next(
    audit_id: AuditId,
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100, help="samples at most")] = 20,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """List samples for you that nobody else is handed for some minutes."""
    with connect(server, key) as client:
        samples = client.get_audit(audit_id).next_samples(count, reviewer=reviewer)
    print_json(samples) if json else print_table(samples, HANDED)


@app.command()
def second(
    audit_id: AuditId,
    percent: Annotated[
        float | None, typer.Argument(min=0, max=100, help="share of the reviewed samples; none: show it")
    ] = None,
    *,
    seed: Annotated[
        int | None, typer.Option(min=0, help="chooses the samples; default: as it was, or at random")
    ] = None,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Have a share of the reviewed samples judged by a second person, who does not see the first verdict."""
    with connect(server, key) as client:
        audit = client.get_audit(audit_id)
        plan = audit.second_opinions(None if percent is None else percent / 100, seed=seed)
    words = f"{plan['second_share']:.0%} of the reviewed samples are judged twice (seed {plan['seed']})."
    print_json(plan) if json else echo(words)


@app.command()
def agreement(audit_id: AuditId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """Tell how far people agree who judged the same samples."""
    with connect(server, key) as client:
        figures = client.get_audit(audit_id).agreement()
    print_json(figures) if json else echo(*describe_agreement(figures))


@app.command()
def disagreements(audit_id: AuditId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List samples on which people disagree and that nobody has settled."""
    with connect(server, key) as client:
        samples = list(client.get_audit(audit_id).disagreements())
    print_json(samples) if json else print_table([describe_dispute(each) for each in samples], DISPUTED)


@app.command()
def settle(
    audit_id: AuditId,
    position: int,
    verdict: Annotated[str, typer.Argument(help="keep, relabel, drop or unsure")],
    label: Annotated[str | None, typer.Argument(help="the correct class, for relabel")] = None,
    *,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Settle a disagreement: your verdict counts, and the opinions stay beside it."""
    with connect(server, key) as client:
        found = [each for each in client.get_audit(audit_id).disagreements() if each["position"] == position]
    if not found:
        raise typer.BadParameter(f"nobody disagrees about position {position}; see `review disagreements`")
    version = found[0]["review"]["version"]
    entry = {"position": position, "verdict": verdict, "label": label, "version": version}
    _save(audit_id, [entry], reviewer=reviewer, server=server, key=key)


@app.command()
def note(
    audit_id: AuditId,
    position: int,
    text: Annotated[str | None, typer.Argument(help="what to write; none: show what is written")] = None,
    *,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Write a note on a sample, or show the notes on it."""
    with connect(server, key) as client:
        audit = client.get_audit(audit_id)
        if text is not None:
            audit.add_note(position, text, reviewer=reviewer)
        notes = audit.notes(position)
    lines = [f"{each['created_at'][:16]} {each['reviewer']}: {each['text']}" for each in notes]
    print_json(notes) if json else echo(*lines)


def describe_dispute(sample: Json) -> Json:
    """Return a disagreement as a row of a table."""
    opinions = ", ".join(
        f"{each['reviewer']}: {each['label'] or each['verdict']}" for each in sample["opinions"]
    )
    return {**sample, "opinions": opinions}


def describe_agreement(figures: Json) -> list[str]:
    """Return how far people agree, as lines."""
    states = ", ".join(f"{number} {state}" for state, number in figures["states"].items())
    lines = [f"Samples that several people judged: {states}."]
    rows = [("right or wrong", figures["right_or_wrong"]), ("which label", figures["labels"])]
    rows += [(each["name"], each) for each in figures["classes"]]
    for name, figure in rows:
        value = "too few to tell"
        if figure["value"] is not None:
            statistic = figure["statistic"].replace("_", " ")
            value = f"{statistic} {figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
        lines.append(f"  {name}: {value}; {figure['agreed']} of {figure['samples']} agreed")
    return [*lines, *([figures["checks"]["caution"]] if figures["checks"]["caution"] else [])]


def _tell_import(told: Json) -> None:
    """Print what an import has saved, or would save, and fail if something could not be used."""
    done = f"{told['saved']} saved" if "saved" in told else f"{told['new']} would be saved"
    by = ", ".join(f"{count} by {name}" for name, count in told["reviewers"].items())
    problems = [*told["conflicts"], *told["unknown"]]
    echo(
        f"{done}{f' ({by})' if by else ''}, {told['already']} stored already, {told['undecided']} undecided,"
        f" {len(told['conflicts'])} in conflict, {len(told['unknown'])} unknown"
    )
    if problems:
        sentence = "; ".join(problems[:TOLD]) + (
            f"; and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
        )
        fail(sentence, code=CONFLICTS, cause=ClientError(sentence))


def _save(
    audit_id: str,
    entries: list[dict[str, Any]],
    *,
    skipped: int = 0,
    reviewer: str | None,
    server: str | None,
    key: str | None,
) -> None:
    with connect(server, key) as client:
        audit = client.get_audit(audit_id)
        done = save_verdicts(entries, partial(audit.review, reviewer=reviewer))
    changed = f" ({done.changed} instead of your earlier verdict)" if done.changed else ""
    already = f", {done.already} saved already" if done.already else ""
    unsaid = f", {skipped} rows without a verdict skipped" if skipped else ""
    echo(f"{done.saved} saved{changed}{already}{unsaid}")
    if done.conflicts:
        own = [each for each in done.conflicts if each.get("own")]
        whose = (
            "your own verdict on them is another"
            if len(own) == len(done.conflicts)
            else ("somebody else has another verdict on them")
        )
        listed = "; ".join(conflict["detail"] for conflict in done.conflicts[:TOLD])
        sentence = f"{len(done.conflicts)} not saved, {whose}: {listed}"
        fail(sentence, code=CONFLICTS, cause=ClientError(sentence))
