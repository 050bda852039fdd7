"""`limit-audit dataset ...`: upload and inspect datasets."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options.reading_options import take_reading_options
from app.cli.output import (
    AlwaysJson,
    AsJson,
    Key,
    Server,
    connect,
    plain,
    print_json,
    print_table,
    print_understood,
    show_dataset,
    show_progress_bar,
    stdout,
)
from app.cli.words.version_words import (
    describe_changes,
    describe_differences,
    describe_origin,
    describe_relatives,
)
from app.client import Client, Dataset

app = typer.Typer(no_args_is_help=True, help="Upload and inspect datasets.")
DatasetId = Annotated[str, typer.Argument(help="id or name of the dataset, a beginning of either, or @last")]
Uploads = Annotated[
    list[Path],
    typer.Argument(exists=True, help="one or more archive, table or array files, or a folder"),
]
SAMPLE_COLUMNS = ("position", "key", "split", "given_label", "true_label")
ANNOTATOR_COLUMNS = ("annotator", "labels", "accuracy", "accuracy_low", "accuracy_high", "finding")
ASK_COLUMNS = ("ask_again", "key", "consensus", "probability", "n_labels", "expected_gain")
COLUMNS = ("id", "name", "status", "format", "sample_count", "has_truth")
VERSION_COLUMNS = ("version", "id", "name", "status", "sample_count", "parent_id")
CHANGE_COLUMNS = ("what", "key", "first_label", "second_label", "reviewer")
Json = dict[str, Any]


def upload_and_wait(client: Client, files: list[Path], *, name: str | None, **options: Any) -> Dataset:  # noqa: ANN401
    """Upload files or a folder as one dataset and wait until it is ready, with progress bars on stderr."""
    with show_progress_bar("upload") as bar:
        dataset = client.upload(
            files,
            name=name,
            on_bytes=lambda sent, total: bar.show(sent / total, f"{total / 1e6:.1f} MB"),
            **options,
        )
    return _wait_until_read(dataset)


def _wait_until_read(dataset: Dataset) -> Dataset:
    with show_progress_bar("ingest") as bar:
        return dataset.wait(on_answer=lambda answer: show_dataset(bar, answer))


@app.command()
@take_reading_options
def upload(
    files: Uploads,
    *,
    name: str | None = None,
    reading: Json,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Upload a dataset and wait until it is ready."""
    with connect(server, key) as client:
        dataset = upload_and_wait(client, files, name=name, **reading)
    _print_read(dataset, json=json)


@app.command("add")
@take_reading_options
def add_place(
    place: Annotated[
        str,
        typer.Argument(
            help="a folder of the server, s3://bucket/prefix, hf://datasets/OWNER/NAME, or the address of a"
            " table of addresses"
        ),
    ],
    *,
    name: str | None = None,
    reading: Json,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Read pictures where they lie, without an upload, and wait until the dataset is ready."""
    with connect(server, key) as client:
        dataset = client.add(place, name=name, **reading)
        _wait_until_read(dataset)
    _print_read(dataset, json=json)


@app.command()
def sync(
    dataset_id: DatasetId,
    *,
    check: Annotated[bool, typer.Option("--check", help="say what differs, and read nothing")] = False,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Compare a dataset with the place of its files; if it differs, read a new version from there."""
    with connect(server, key) as client:
        found, version = client.dataset(dataset_id).sync(compare_only=check)
        if version is not None:
            _wait_until_read(version)
    if json:
        print_json({**found, "version": None if version is None else version.document})
        return
    for sentence in describe_differences(found):
        stdout.print(plain(sentence))
    if version is not None:
        print_table([{**version.document, **version["lineage"]}], VERSION_COLUMNS)


@app.command("read-again")
@take_reading_options
def read_again(
    dataset_id: DatasetId, *, reading: Json, server: Server = None, key: Key = None, json: AsJson = False
) -> None:
    """Read the files of a dataset again with other options, as a new dataset."""
    with connect(server, key) as client:
        dataset = client.dataset(dataset_id, usable=False).read_again(**reading)
        _wait_until_read(dataset)
    _print_read(dataset, json=json)


def _print_read(dataset: Dataset, *, json: bool) -> None:
    if json:
        print_json(dataset.document)
        return
    print_table([dataset.document], COLUMNS)
    print_understood(dataset.document)
    for sentence in describe_relatives(dataset.document.get("lineage") or {}):
        stdout.print(plain(sentence))


@app.command()
def understood(
    dataset_id: DatasetId, *, server: Server = None, key: Key = None, json: AsJson = False
) -> None:
    """Print how an upload was read, and what was guessed."""
    with connect(server, key) as client:
        document = client.dataset(dataset_id, usable=False).document
    print_json(document["understood"]) if json else print_understood(document)


@app.command("list")
def list_all(*, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List datasets, newest first."""
    with connect(server, key) as client:
        datasets = list(client.pages("/v1/datasets"))
    print_json(datasets) if json else print_table(datasets, COLUMNS)


@app.command()
def show(dataset_id: DatasetId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True) -> None:
    """Print a dataset with all its fields as JSON."""
    with connect(server, key) as client:
        print_json(client.dataset(dataset_id, usable=False).document)


@app.command()
def problems(dataset_id: DatasetId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List the problems that ingestion met: files left out, and warnings."""
    with connect(server, key) as client:
        rows = list(client.dataset(dataset_id, usable=False).problems())
    print_json(rows) if json else print_table(rows, ("key", "code", "detail"))


@app.command()
def samples(
    dataset_id: DatasetId,
    *,
    label: Annotated[str | None, typer.Option(help="class name")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="how many")] = 20,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """List samples by position."""
    with connect(server, key) as client:
        filters = {} if label is None else {"given_label": label}
        address = f"/v1/datasets/{client.find_id('dataset', dataset_id)}/samples"
        pages = client.pages(address, limit=min(count, 500), **filters)
        rows = list(islice(pages, count))
    print_json(rows) if json else print_table(rows, SAMPLE_COLUMNS)


@app.command()
def truth(
    dataset_id: DatasetId,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV: key or position, true_label")
    ],
    *,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Attach the correct labels of the samples."""
    with connect(server, key) as client:
        print_json(client.dataset(dataset_id).attach_truth(file))


@app.command("columns")
def attach_columns(
    dataset_id: DatasetId,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV: key or position, and your own columns")
    ],
    *,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Attach your own columns, such as annotator, camera or batch; they are never features."""
    with connect(server, key) as client:
        print_json(client.dataset(dataset_id).attach_columns(file))


@app.command("annotations")
def attach_annotations(
    dataset_id: DatasetId,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV or Parquet: key or position, and annotator and label, or a column for each annotator",
        ),
    ],
    *,
    column: Annotated[
        list[str] | None,
        typer.Option(help="a column that is an annotator, once for each; none: all that may be"),
    ] = None,
    key_column: Annotated[
        str | None, typer.Option(help="the column with the samples' keys; else one of a usual name")
    ] = None,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Attach the labels of several annotators, and print their consensus when it is formed."""
    with connect(server, key) as client:
        dataset = client.dataset(dataset_id)
        attached = dataset.attach_annotations(file, columns=column or (), key_column=key_column)
        print_json({**attached, "consensus": dataset.consensus()})


@app.command("consensus")
def show_consensus(
    dataset_id: DatasetId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True
) -> None:
    """Print agreement and consensus of the annotators; `export consensus` has every sample."""
    with connect(server, key) as client:
        print_json(client.dataset(dataset_id).consensus())


@app.command("annotators")
def list_annotators(
    dataset_id: DatasetId, *, server: Server = None, key: Key = None, json: AsJson = False
) -> None:
    """List the annotators with their quality."""
    with connect(server, key) as client:
        rows = client.dataset(dataset_id).annotators()
    print_json(rows) if json else print_table(rows, ANNOTATOR_COLUMNS)


@app.command("ask-again")
def list_ask_again(
    dataset_id: DatasetId,
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=500, help="how many")] = 20,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """List the samples of which one more label is worth most."""
    with connect(server, key) as client:
        rows = client.dataset(dataset_id).ask_again(count)
    print_json(rows) if json else print_table(rows, ASK_COLUMNS)


@app.command()
def version(
    dataset_id: DatasetId,
    *,
    name: Annotated[str | None, typer.Option(help="of the version; else the dataset's and a number")] = None,
    issues: Annotated[
        str, typer.Option(help="keep, relabel or drop what an audit flags and nobody has reviewed")
    ] = "keep",
    audit: Annotated[str | None, typer.Option(help="the audit that flags them")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="relabel even if nobody knows how many labels that makes worse")
    ] = False,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Make the corrected version of a reviewed dataset and wait until it is ready; nothing is uploaded."""
    with connect(server, key) as client:
        chosen = {"issues": issues, "audit_id": None if audit is None else client.find_id("audit", audit)}
        made = client.dataset(dataset_id).make_version(name=name, confirmed=yes, **chosen)
        with show_progress_bar("version") as bar:
            made.wait(on_answer=lambda answer: show_dataset(bar, answer))
    if json:
        print_json(made.document)
        return
    print_table([{**made.document, **made["lineage"]}], VERSION_COLUMNS)
    for sentence in describe_origin(made["lineage"]):
        stdout.print(plain(sentence))


@app.command()
def versions(dataset_id: DatasetId, *, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List the versions of a dataset, the first one first."""
    with connect(server, key) as client:
        rows = client.dataset(dataset_id).versions()
    print_json(rows) if json else print_table(rows, VERSION_COLUMNS)


@app.command()
def compare(
    first: DatasetId,
    second: Annotated[str, typer.Argument(help="the later dataset")],
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=0, max=1000, help="samples to list")] = 20,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Compare two datasets by content: which labels changed, what was dropped, what is new."""
    with connect(server, key) as client:
        found = client.dataset(first).compare(client.dataset(second), limit=count)
    if json:
        print_json(found)
        return
    stdout.print(plain(describe_changes(found)))
    print_table(found["changes"], CHANGE_COLUMNS)


@app.command()
def parent(
    dataset_id: DatasetId,
    parent_id: Annotated[str | None, typer.Argument(metavar="PARENT", help="the earlier dataset")] = None,
    *,
    none: Annotated[bool, typer.Option("--none", help="it is a version of no other")] = False,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Say that a dataset is a version of another with the same samples, or with --none of no other."""
    if none == (parent_id is not None):
        raise typer.BadParameter("expected the earlier dataset, or --none")
    with connect(server, key) as client:
        found = client.dataset(dataset_id).set_parent(
            None if parent_id is None else client.dataset(parent_id)
        )
    document = {**found.document, **found["lineage"]}
    print_json(found.document) if json else print_table([document], VERSION_COLUMNS)


@app.command()
def delete(dataset_id: DatasetId, *, server: Server = None, key: Key = None) -> None:
    """Delete a dataset that has no audits."""
    with connect(server, key) as client:
        client.dataset(dataset_id, usable=False).delete()
